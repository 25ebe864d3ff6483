import type { Param } from "@mixtape/layers";
import { sowIntermediate } from "@mixtape/ops";
import type { Tensor2D } from "@tensorflow/tfjs-core";
import type { AdapterLayers } from "../batch/batch-slice.js";
import type { AdapterConfig } from "../config/adapter-config.js";
import type { AdapterLayer } from "../layers/adapter-layer.js";
import type { CopiedParam } from "../layers/copied-param.js";
import type { NamedRouter } from "../routing/mixlora-router.js";
import type { FeedForward, TargetModule } from "../targets/target-module.js";

/** Parameters of an adapter in one module of the model. */
export interface TableRow {
  /** The module's name: `model.layers.0.self_attn.q_proj` */
  readonly module: string;
  readonly parameters: readonly { readonly name: string; readonly shape: readonly number[]; readonly size: number }[];
}

/** Adapter of a model: low-rank updates at some target modules, and routers in MixLoRA. */
export class Adapter implements AdapterLayers {
  readonly name: string;
  readonly config: AdapterConfig;
  /** All target modules of its model. */
  readonly targetModules: readonly TargetModule[];
  readonly layers: ReadonlyMap<TargetModule, AdapterLayer>;
  readonly routers: ReadonlyMap<FeedForward, NamedRouter>;
  /** Copies of parameters of the model that belong to the adapter. */
  readonly copies: readonly CopiedParam[];
  /** Hugging Face peft's type of the model's task, such as `SEQ_CLS`; null for a head that peft does not know. */
  readonly taskType: string | null;

  constructor(
    name: string,
    config: AdapterConfig,
    {
      targetModules,
      layers,
      routers,
      copies,
      taskType,
    }: Pick<Adapter, "targetModules" | "layers" | "routers" | "copies" | "taskType">,
  ) {
    this.name = name;
    this.config = config;
    this.targetModules = targetModules;
    this.layers = layers;
    this.routers = routers;
    this.copies = copies;
    this.taskType = taskType;
  }

  /** Parameters by module: those that train, unless the adapter is frozen. */
  get table(): readonly TableRow[] {
    const rows = new Map<string, { name: string; shape: readonly number[]; size: number }[]>();
    for (const [module, name, { shape, size }] of this.#parameters())
      rows.set(module, [...(rows.get(module) ?? []), { name, shape, size }]);
    return [...rows].map(([module, parameters]) => ({ module, parameters }));
  }

  /** Number of parameters. */
  get size(): number {
    return [...this.namedParameters()].reduce((sum, [, param]) => sum + param.size, 0);
  }

  /** Its parameters, named by adapter, module and parameter: `default.model.layers.0.self_attn.q_proj.lora_a`. */
  *namedParameters(): IterableIterator<[name: string, param: Param]> {
    for (const [module, name, param] of this.#parameters()) yield [`${this.name}.${module}.${name}`, param];
  }

  /** Returns the parameters that train: all, or none if the adapter is frozen. */
  trainableParams(): [name: string, param: Param][] {
    return [...this.namedParameters()].filter(([, { isTrainable }]) => isTrainable);
  }

  /** Freezes the adapter: it is not trained. */
  freeze(): void {
    for (const [, param] of this.namedParameters()) param.freeze();
  }

  /** Unfreezes the adapter, except for copies that only its file determines. */
  unfreeze(): void {
    const fixed = new Set(this.copies.filter(({ isTrained }) => !isTrained).map(({ copy }) => copy));
    for (const [, param] of this.namedParameters()) if (!fixed.has(param) && param.hasGradient) param.unfreeze();
  }

  /** Disposes the parameters. */
  dispose(): void {
    for (const part of [...this.layers.values(), ...[...this.routers.values()].map(({ router }) => router)])
      part.dispose();
    for (const { copy } of this.copies) copy.dispose();
  }

  layerAt(target: TargetModule): AdapterLayer | undefined {
    return this.layers.get(target);
  }

  routerAt(feedForward: FeedForward): NamedRouter | undefined {
    return this.routers.get(feedForward);
  }

  onRouting(logits: Tensor2D, module: string, rowsPerToken: number, used: Uint8Array | null): void {
    const from: RoutingSource = { adapter: this, module, rowsPerToken, used };
    sowIntermediate(from, logits);
  }

  /** Formats the table as text, with sums. */
  toString(): string {
    const rows = this.table.map(({ module, parameters }) => [
      module,
      parameters.map(({ name, shape }) => `${name} [${shape.join(", ")}]`).join(", "),
      parameters.reduce((sum, { size }) => sum + size, 0).toLocaleString("en"),
    ]);
    const widths = [0, 1].map((i) => Math.max(0, ...rows.map((row) => row[i]!.length)));
    const lines = rows.map(([a, b, c]) => `${a!.padEnd(widths[0]!)}  ${b!.padEnd(widths[1]!)}  ${c}`);
    return [...lines, `${this.name}: ${this.config.method}, ${this.size.toLocaleString("en")} parameters`].join("\n");
  }

  /** Yields each parameter once: copies of tied parameters are one. */
  *#parameters(): IterableIterator<[module: string, name: string, param: Param]> {
    for (const [target, layer] of this.layers)
      for (const [name, param] of layer.namedParameters()) yield [target.name, name, param];
    for (const { name: module, router } of this.routers.values())
      for (const [name, param] of router.namedParameters()) yield [module, name, param];
    const seen = new Set<Param>();
    for (const { name, copy } of this.copies) {
      if (seen.has(copy)) continue;
      seen.add(copy);
      const end = name.lastIndexOf(".");
      yield [name.slice(0, end), name.slice(end + 1), copy];
    }
  }
}

/** Source of the adapter's router logits: see {@link sowIntermediate}. */
export interface RoutingSource {
  readonly adapter: Adapter;
  /** Name of the module that the router belongs to. */
  readonly module: string;
  /** Number of rows per token: routers in routed experts see each token once for each of its experts. */
  readonly rowsPerToken: number;
  /** 0 for each row that no routed expert sees, as its token has fewer than others; null if there is no such row. */
  readonly used: Uint8Array | null;
}
