import type { Adapter } from "../adapter/adapter.js";
import type { AdapterLayer } from "../layers/adapter-layer.js";
import type { CopiedParam } from "../layers/copied-param.js";
import { Dora } from "../layers/dora.js";
import type { ExpertLayout, TargetModule } from "../targets/target-module.js";
import { type AdapterTensor, type ParamTensors, whole } from "./adapter-tensors.js";

/** Begins the names of all tensors of an adapter in Hugging Face peft. */
export const PREFIX = "base_model.model.";

/** The name of a module or tensor, and what else it may be called. */
type Names = readonly [string, ...string[]];

/** The tensors of a LoRA or DoRA adapter in the names of Hugging Face peft. */
export function peftTensors(adapter: Adapter, layout: ExpertLayout): ParamTensors[] {
  const targets = [...adapter.layers.keys()];
  return [...adapter.layers].flatMap(([target, layer]) => {
    const names = modulesOf(target, layout, targets);
    if (target.kind === "embedding") return ofEmbedding(names, target, layer);
    if (target.kind !== "experts") return ofModule(names, layer);
    return isApart(target, layout) ? apart(names, target, layer) : fused(names, target, layer);
  });
}

/** The tensors of an adapter's copies of the model's parameters. */
export function copyTensors({ copies }: Adapter): ParamTensors[] {
  const params = new Map(copies.map(({ copy, param }) => [copy, param]));
  return [...params].map(([copy, from]) => ({
    param: copy,
    from,
    tensors: copies.flatMap((found) => (found.copy === copy && found.file !== null ? [ofCopy(found, found.file)] : [])),
  }));
}

function ofCopy({ copy, rows }: CopiedParam, file: string): AdapterTensor {
  const name = PREFIX + file;
  if (!rows) return { name, shape: copy.shape, at: (i) => i };
  const width = copy.shape.at(-1)!;
  return { name, shape: [rows.length, width], at: (i) => rows[Math.floor(i / width)]! * width + (i % width) };
}

/**
 * The names of the modules that hold a target's tensors, `*` in place of an expert where each has its own.
 * @param targets all targets of the adapter
 */
export function modulesOf(target: TargetModule, layout: ExpertLayout, targets: readonly TargetModule[]): Names {
  const names: Names = isApart(target, layout)
    ? [target.perExpert!, ...target.perExpertAliases]
    : target.kind !== "experts"
      ? [target.peftModule, ...target.peftAliases]
      : [wrapperOf(target, targets)];
  return mapNames(names, (name) => PREFIX + name);
}

function isApart({ kind, perExpert }: TargetModule, layout: ExpertLayout): boolean {
  return kind === "experts" && layout === "apart" && perExpert !== null;
}

/**
 * peft wraps the module once for each of its parameters, `gate_up_proj` first: what is wrapped is called `base_layer` in what
 * wraps it.
 */
function wrapperOf(target: TargetModule, targets: readonly TargetModule[]): string {
  const isInner =
    target.name.endsWith(".gate_up_proj") && targets.some((other) => isDown(other) && sameModule(other, target));
  return isInner ? `${target.peftModule}.base_layer` : target.peftModule;
}

function isDown({ name }: TargetModule): boolean {
  return name.endsWith(".down_proj");
}

function sameModule(a: TargetModule, b: TargetModule): boolean {
  return a.feedForward === b.feedForward;
}

/** A `[r, V]`, the other way round than the table in memory, and B `[M, r]`; neither is the weight of a module. */
function ofEmbedding(names: Names, { inFeatures }: TargetModule, layer: AdapterLayer): ParamTensors[] {
  const { rank } = layer.options;
  const at = (i: number): number => (i % inFeatures) * rank + Math.floor(i / inFeatures);
  const [name] = ending(names, "lora_embedding_A");
  const stored = [
    { param: layer.loraA, tensors: [{ name, shape: [rank, inFeatures], at }] },
    whole(ending(names, "lora_embedding_B"), layer.loraB),
  ];
  return layer instanceof Dora ? [...stored, whole(ending(names, "lora_magnitude_vector"), layer.magnitude)] : stored;
}

function ofModule(names: Names, layer: AdapterLayer): ParamTensors[] {
  const stored = [
    whole(ending(names, "lora_A.weight"), layer.loraA),
    whole(ending(names, "lora_B.weight"), layer.loraB),
    ...(layer.loraBias ? [whole(ending(names, "lora_B.bias"), layer.loraBias)] : []),
  ];
  return layer instanceof Dora ? [...stored, whole(ending(names, "lora_magnitude_vector"), layer.magnitude)] : stored;
}

/** A `[E·r, in]`, expert by expert; B `[out, r·E]`, whose columns go through the experts first. */
function fused(names: Names, { matrices, outFeatures, inFeatures }: TargetModule, layer: AdapterLayer): ParamTensors[] {
  const { rank } = layer.options;
  const columns = rank * matrices;
  const at = (i: number): number => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return ((column % matrices) * outFeatures + row) * rank + Math.floor(column / matrices);
  };
  const [name] = ending(names, "lora_B.weight");
  const stored = [
    whole(ending(names, "lora_A.weight"), layer.loraA, [matrices * rank, inFeatures]),
    { param: layer.loraB, tensors: [{ name, shape: [outFeatures, columns], at }] },
  ];
  return layer instanceof Dora ? [...stored, whole(ending(names, "lora_magnitude_vector"), layer.magnitude)] : stored;
}

/** One tensor per expert. */
function apart(names: Names, { matrices, outFeatures, inFeatures }: TargetModule, layer: AdapterLayer): ParamTensors[] {
  const { rank } = layer.options;
  const slices = (end: string, shape: readonly number[]): AdapterTensor[] => {
    const size = shape.reduce((product, n) => product * n, 1);
    return Array.from({ length: matrices }, (_, e) => {
      const [name, ...aliases] = mapNames(ending(names, end), (pattern) => pattern.replace("*", String(e)));
      return { name, aliases, shape, at: (i) => e * size + i };
    });
  };
  const stored = [
    { param: layer.loraA, tensors: slices("lora_A.weight", [rank, inFeatures]) },
    { param: layer.loraB, tensors: slices("lora_B.weight", [outFeatures, rank]) },
  ];
  if (!(layer instanceof Dora)) return stored;
  return [...stored, { param: layer.magnitude, tensors: slices("lora_magnitude_vector", [outFeatures]) }];
}

function ending(names: Names, end: string): Names {
  return mapNames(names, (name) => `${name}.${end}`);
}

function mapNames([first, ...rest]: Names, f: (name: string) => string): Names {
  return [f(first), ...rest.map(f)];
}
