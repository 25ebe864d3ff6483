import type { Param } from "@mixtape/layers";
import { sideOutput } from "@mixtape/ops";
import type { Tensor2D } from "@tensorflow/tfjs-core";
import type { AdapterConfig } from "./config/index.js";
import type { Mixture, NamedMixture } from "./mixture.js";
import type { Piece } from "./piece.js";
import type { Pieces } from "./segment.js";
import type { FeedForward, Site } from "./site.js";

/** What trains in one module of the model. */
export interface TableRow {
  /** The module's name: `model.layers.0.self_attn.q_proj` */
  readonly module: string;
  readonly parameters: readonly { readonly name: string; readonly shape: readonly number[]; readonly size: number }[];
}

/** An adapter of a model: low-rank updates at some of its sites, and routers where it is a mixture. */
export class Adapter implements Pieces {
  readonly name: string;
  readonly config: AdapterConfig;
  /** All sites of its model. */
  readonly sites: readonly Site[];
  readonly pieces: ReadonlyMap<Site, Piece>;
  readonly mixtures: ReadonlyMap<FeedForward, NamedMixture>;

  constructor(
    name: string,
    config: AdapterConfig,
    { sites, pieces, mixtures }: Pick<Adapter, "sites" | "pieces" | "mixtures">,
  ) {
    this.name = name;
    this.config = config;
    this.sites = sites;
    this.pieces = pieces;
    this.mixtures = mixtures;
  }

  /** Its parameters by module: what trains, unless it is frozen. */
  get table(): readonly TableRow[] {
    return [...this.#modules()].map(([module, part]) => ({
      module,
      parameters: [...part.namedParameters()].map(([name, { shape, size }]) => ({ name, shape, size })),
    }));
  }

  /** How many numbers it has. */
  get size(): number {
    return [...this.namedParameters()].reduce((sum, [, param]) => sum + param.size, 0);
  }

  /** Its parameters, named by adapter, module and parameter: `default.model.layers.0.self_attn.q_proj.lora_a`. */
  *namedParameters(): IterableIterator<[name: string, param: Param]> {
    for (const [module, part] of this.#modules()) yield* part.namedParameters(`${this.name}.${module}.`);
  }

  /** Those of its parameters that train: all, or none where it is frozen. */
  trainableParams(): [name: string, param: Param][] {
    return [...this.namedParameters()].filter(([, { isTrainable }]) => isTrainable);
  }

  /** Keeps it from being trained. */
  freeze(): void {
    for (const [, param] of this.namedParameters()) param.freeze();
  }

  unfreeze(): void {
    for (const [, param] of this.namedParameters()) param.unfreeze();
  }

  /** Frees its values. */
  dispose(): void {
    for (const [, part] of this.#modules()) part.dispose();
  }

  pieceAt(site: Site): Piece | undefined {
    return this.pieces.get(site);
  }

  mixtureAt(feedForward: FeedForward): NamedMixture | undefined {
    return this.mixtures.get(feedForward);
  }

  onRouting(logits: Tensor2D, module: string, rowsPerToken: number): void {
    const from: RoutingOf = { adapter: this, module, rowsPerToken };
    sideOutput(from, logits);
  }

  /** The table as text, with sums. */
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

  *#modules(): IterableIterator<[module: string, part: Piece | Mixture]> {
    for (const [site, piece] of this.pieces) yield [site.name, piece];
    for (const { name, mixture } of this.mixtures.values()) yield [name, mixture];
  }
}

/** What the logits of an adapter's routers are handed out with: see {@link sideOutput}. */
export interface RoutingOf {
  readonly adapter: Adapter;
  /** The name of the module that the router stands at. */
  readonly module: string;
  /** How many rows there are for one token: the routers of routed experts see each token once for each of its experts. */
  readonly rowsPerToken: number;
}
