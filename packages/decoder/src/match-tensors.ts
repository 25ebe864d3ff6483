import type { Module, Param } from "@mixtape/layers";
import type { Dtype, TensorSource, TensorView } from "@mixtape/safetensors";
import { CheckpointNames } from "./checkpoint-names.js";
import { type BoundSource, type BoundWeights, bindMappings, ignoredBy } from "./weights/bind-mappings.js";
import type { Bundle } from "./weights/operations.js";
import type { WeightMapping } from "./weights/weight-mapping.js";

/** Differences of a checkpoint from the model's tensors. All lists are empty if it loads. */
export interface TensorFaults {
  /** Names on disk of missing tensors. */
  readonly missing: readonly string[];
  /**
   * Names of tensors that would change a parameter: experts beyond the config's, a second spelling of a parameter,
   * scales of quantised weights.
   */
  readonly unexpected: readonly string[];
  /** Tensors with an unexpected shape. */
  readonly misshaped: readonly MisshapedTensor[];
}

/** A tensor with an unexpected shape. */
export interface MisshapedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly expected: readonly number[];
}

/** Tensors of a checkpoint for a model, by names and shapes alone. */
export interface TensorMatch {
  readonly faults: TensorFaults;
  /** Names on disk that no parameter is loaded from, which transformers ignores too. */
  readonly unused: readonly string[];
  /** Names on disk that are read with the prefix `model.` added or removed. */
  readonly renamed: readonly string[];
  /** Parameters that the checkpoint may and does lack, with their names on disk: they are initialized. */
  readonly fresh: readonly FreshParam[];
  /** Parameters that match, with their values on disk. */
  readonly jobs: readonly LoadJob[];
  /** Their tensors on disk. */
  readonly found: readonly FoundWeights[];
}

/** Parameters that are stored together, and the tensors on disk that hold them. */
export interface FoundWeights {
  readonly weights: BoundWeights;
  /** Of the sources of the weights, the one that the checkpoint has. */
  readonly source: BoundSource;
  readonly views: readonly Bundle<TensorView>[];
}

/** An initialized parameter. */
export interface FreshParam {
  readonly name: string;
  readonly param: Param;
}

/** A parameter and its values on disk. */
export interface LoadJob {
  /** Name in memory. */
  readonly name: string;
  readonly param: Param;
  /** Tensors on disk that hold it, some of them beside other parameters. */
  readonly stored: readonly TensorView[];
  readonly view: TensorView;
  /** Dtype on disk, in which the parameter is saved; a mapping may have changed that of the view. */
  readonly dtype: Dtype;
  /** Names of the tensors that it is saved in: one, or one per expert. */
  readonly savedIn: readonly string[];
}

/**
 * Compares names and shapes of a checkpoint with those of a module's parameters. No tensor is read.
 * @param mayLack whether the checkpoint may lack a parameter, by its name in memory. Default: never.
 * @throws {DecoderError} if the mappings contradict each other or do not fit the module
 */
export function matchTensors(
  module: Module,
  source: TensorSource,
  mappings: readonly WeightMapping[],
  mayLack: (name: string) => boolean = () => false,
): TensorMatch {
  const named = [...module.namedParameters()];
  const names = new Map(named.map(([name, param]) => [param, name]));
  const optional = new Set(named.flatMap(([name, param]) => (mayLack(name) ? [param] : [])));
  const wanted = bindMappings(module, mappings);
  const all = wanted.flatMap(({ sources }) => sources.flatMap(namesOf));
  const tensors = new CheckpointNames(source, new Set(all));
  const isIgnored = ignoredUnderAnyPrefix(mappings);
  const missing = new Set<string>();
  const misshaped = new Map<string, MisshapedTensor>();
  const used = new Set<string>();
  const matched: FoundWeights[] = [];
  const fresh: FreshParam[] = [];
  for (const weights of wanted) {
    const { params, sources } = weights;
    const isThere = sources.some((one) => namesOf(one).some((name) => tensors.has(name)));
    if (!isThere && params.every((param) => optional.has(param))) {
      fresh.push(...params.map((param, i) => ({ name: namesOf(sources[0])[i]!, param })));
      continue;
    }
    const found = sources.find((one) => namesOf(one).some((name) => tensors.has(name))) ?? sources[0];
    let fits = true;
    for (const { name, shape: expected } of found.files.flat()) {
      used.add(name);
      const shape = tensors.has(name) ? tensors.tensor(name).shape : undefined;
      if (shape && isSameShape(shape, expected)) continue;
      fits = false;
      if (shape) misshaped.set(name, { name: tensors.onDisk(name), shape, expected });
      else missing.add(name);
    }
    if (!fits) continue;
    const views = found.files.map((bundle) => bundle.map(({ name }) => tensors.tensor(name)));
    matched.push({ weights, source: found, views });
  }
  const spare = [...tensors.names()].filter((name) => !used.has(name) && !isIgnored(name));
  const others = tensors.others.filter((name) => !isIgnored(name));
  const isFault = suspicion(wanted.flatMap(({ sources }) => sources));
  return {
    faults: {
      missing: [...missing],
      unexpected: [...spare.map((name) => tensors.onDisk(name)), ...others.filter(isFault)],
      misshaped: [...misshaped.values()],
    },
    unused: others.filter((name) => !isFault(name)),
    // For a model without a prefix of its own, removing the prefix of a checkpoint with a head is normal.
    renamed: mappings.some(({ kind }) => kind === "prefix") ? [] : tensors.renamed,
    fresh,
    jobs: matched.flatMap((one) => jobsOf(one, (param) => names.get(param)!)),
    found: matched,
  };
}

function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function namesOf({ files }: BoundSource): string[] {
  return files.flat().map(({ name }) => name);
}

/** Whether mappings ignore a tensor, whose name has no prefix if the decoder was saved by itself. */
function ignoredUnderAnyPrefix(mappings: readonly WeightMapping[]): (name: string) => boolean {
  const isIgnored = ignoredBy(mappings);
  return (name) => isIgnored(name) || isIgnored(`model.${name}`) || isIgnored(name.replace(/^model\./, ""));
}

function jobsOf(
  { weights: { params, sources }, source, views: files }: FoundWeights,
  nameOf: (param: Param) => string,
): LoadJob[] {
  const dtypesOf = (bundles: readonly Bundle<TensorView>[]): Dtype[] =>
    bundles.map(([view]) => view!.savedAs ?? view!.dtype);
  let views = files;
  let dtypes = dtypesOf(views);
  for (const [i, operation] of source.operations.entries()) {
    views = operation.load(views, source.shapes[i + 1]!, params);
    if (!operation.changesValues) dtypes = dtypesOf(views);
  }
  const [saved] = sources;
  const isOneEach = saved.files.length === params.length;
  return params.map((param, i) => ({
    name: nameOf(param),
    param,
    stored: files.length === params.length ? files[i]! : files.flat(),
    view: views[i]![0]!,
    dtype: dtypes[i]!,
    savedIn: (isOneEach ? saved.files[i]! : saved.files.flat()).map(({ name }) => name),
  }));
}

/** Tensors of quantised checkpoints beside their weights: without them, the weights have other values. */
const QUANTISED = new RegExp(
  [
    String.raw`\.weight_(scale(_inv|_2)?|packed|shape|zero_point|g_idx|global_scale)$`,
    String.raw`\.(input|activation)_(scale|global_scale|zero_point)$`,
    String.raw`\.(qweight|qzeros|scales|biases|g_idx|SCB|qscale_weight|global_scale)$`,
    String.raw`\.weight\.(absmax|quant_map|nested_absmax|nested_quant_map|quant_state\..+)$`,
    "_(scale_inv|blocks|scales)$",
  ].join("|"),
);

/** Whether a name belongs to quantised weights. */
export function isQuantised(name: string): boolean {
  return QUANTISED.test(name);
}

/** Shared experts: without them, the model computes other numbers. */
const SHARED_EXPERT = /^(?:model\.)?(.*layers\.\d+)\..*shared_experts?\./;

/** Finds names that must not be ignored: experts beyond the config's, and scales. */
function suspicion(sources: readonly BoundSource[]): (name: string) => boolean {
  const names = new Set(sources.flatMap(({ tensors }) => tensors));
  const stacks = new Set([...names].filter((name) => name.includes("*")));
  const layers = new Set([...names].map((name) => /^(?:model\.)?(.*layers\.\d+)\./.exec(name)?.[1]));
  const isShared = (name: string): boolean => {
    const layer = SHARED_EXPERT.exec(name)?.[1];
    return layer !== undefined && layers.has(layer);
  };
  const isExpert = (name: string): boolean => {
    const parts = name.split(".");
    return parts.some(
      (part, i) => /^\d+$/.test(part) && stacks.has([...parts.slice(0, i), "*", ...parts.slice(i + 1)].join(".")),
    );
  };
  return (name) => isQuantised(name) || isShared(name) || isExpert(name) || isExpert(`model.${name}`);
}
