/**
 * Names and layouts of weights on disk.
 *
 * A parameter's name in memory is its path of fields; most are stored under the same name, unchanged. Differences are a
 * list of mappings, which loads and saves: of the sources of a mapping the first is written, all are read.
 */
import type { Dtype } from "@mixtape/safetensors";
import { DecoderError } from "../errors.js";
import { split, stack, type WeightOperation } from "./operations.js";

/** Tensors on disk, and the steps from these to the parameters. */
export interface WeightSource {
  /** Names, or patterns in which `*` is the index of a stacked tensor. */
  readonly tensors: readonly string[];
  readonly operations: readonly WeightOperation[];
}

/** Parameters, by the ends of their names, that are stored under other names or in other layouts. */
export interface ConvertMapping {
  readonly kind: "convert";
  readonly params: readonly string[];
  readonly sources: readonly [WeightSource, ...WeightSource[]];
}

/** Names that contain `part` contain another part on disk. */
export interface RenameMapping {
  readonly kind: "rename";
  readonly part: string;
  /** The first is written, all are read. */
  readonly disk: readonly [string, ...string[]];
}

/** Tensors that belong to no parameter. */
export interface IgnoreMapping {
  readonly kind: "ignore";
  readonly pattern: string;
}

/** Common prefix of all names, in memory and on disk. */
export interface PrefixMapping {
  readonly kind: "prefix";
  readonly memory: string;
  /** Empty for none. */
  readonly disk: string;
}

/** Tensors that stay float32 when the others are saved in a narrower dtype. */
export interface KeepFloat32Mapping {
  readonly kind: "keepFloat32";
  readonly pattern: string;
  /** Dtypes that they are not saved in. */
  readonly insteadOf: readonly Dtype[];
}

/**
 * Difference of names, layouts or dtypes on disk from those in memory, created by `rename`, `convert`, `ignore`,
 * `prefix` and `keepFloat32`.
 */
export type WeightMapping = ConvertMapping | RenameMapping | IgnoreMapping | PrefixMapping | KeepFloat32Mapping;

/**
 * Mappings of a family, possibly a function of the config: `(config) =>
 * [ignore(`model.layers.${config.numHiddenLayers}.*`)]`.
 */
export type WeightMappings<C> =
  | readonly WeightMapping[]
  // As a method, a family's own config type may narrow it.
  | { of(config: C): readonly WeightMapping[] }["of"];

/**
 * Renames a parameter on disk: the first name is written, all are read. `rename("mlp.*", "block_sparse_moe.*")` renames
 * a part of the path, after all other mappings. Names are relative: the end of a name matches, or for a path any part
 * of it.
 * @throws {DecoderError} if one is a path and another is not
 */
export function rename(param: string, ...disk: [string, ...string[]]): WeightMapping {
  const isPath = [param, ...disk].map((name) => name.endsWith(".*"));
  if (isPath.every((is) => !is)) return convert(param, ...(disk.map((name) => from(name)) as [WeightSource]));
  if (isPath.every(Boolean)) {
    const [part, ...others] = [param, ...disk].map((name) => name.slice(0, -2));
    return { kind: "rename", part: part!, disk: others as [string] };
  }
  throw new DecoderError({
    where: `rename(${[param, ...disk].map((name) => JSON.stringify(name)).join(", ")})`,
    expected: "names that all end with .*, or none of them",
    got: "some of each",
  });
}

/**
 * Maps parameters to other layouts on disk, each with its tensors and steps: the first is written, all are read.
 *
 * ```ts
 * convert(
 *   ["experts.gate_proj", "experts.up_proj"],
 *   from("experts.gate_up_proj", transpose(), deinterleave(2, 1), split(1)),
 * )
 * ```
 *
 * @throws {DecoderError} if the steps do not lead from the tensors to the parameters
 */
export function convert(
  params: string | readonly string[],
  ...sources: [WeightSource, ...WeightSource[]]
): ConvertMapping {
  const all = [params].flat();
  for (const source of sources) checkSteps(all, source);
  return { kind: "convert", params: all, sources };
}

/** Tensors on disk and the steps, in the order of loading, that convert them to parameters. */
export function from(tensors: string | readonly string[], ...operations: WeightOperation[]): WeightSource {
  return { tensors: [tensors].flat(), operations };
}

/**
 * Ignores tensors whose whole name matches the pattern, in which `*` stands for anything: for instance the layers of
 * another head.
 */
export function ignore(pattern: string): IgnoreMapping {
  return { kind: "ignore", pattern };
}

/**
 * Changes the prefix on disk of the part of the tree below a field of the model, after all other mappings:
 * `prefix("model", "transformer")`, or `prefix("model", "")` for none.
 */
export function prefix(memory: string, disk: string): PrefixMapping {
  return { kind: "prefix", memory, disk };
}

const NARROW: readonly Dtype[] = ["BF16", "F16", "F8_E4M3", "F8_E5M2"];

/**
 * Saves tensors in float32 when a model is saved in one of these dtypes. Default: in any that is narrower. The pattern
 * matches the whole name on disk, with `*` for anything. Corresponds to transformers' `_keep_in_fp32_modules_strict`,
 * and with float16 alone to `_keep_in_fp32_modules`.
 */
export function keepFloat32(pattern: string, insteadOf: readonly Dtype[] = NARROW): KeepFloat32Mapping {
  return { kind: "keepFloat32", pattern, insteadOf };
}

/** Names of the expert matrices on disk. */
export interface ExpertNames {
  /** The MoE block, in memory and on disk. Default: `mlp`. */
  readonly block?: string;
  readonly gate: string;
  readonly up: string;
  readonly down: string;
}

/**
 * Mappings of the experts of an MoE block: one matrix per expert on disk, under the given names, or the stacks of
 * transformers 5 in memory, with gate and up as one, or those of mlx-lm.
 */
export function expertWeights({ block = "mlp", gate, up, down }: ExpertNames): WeightMapping[] {
  const experts = `${block}.experts`;
  const perMatrix = (names: readonly string[]): WeightSource[] =>
    ["switch_mlp", "experts"].map((part) => from(names.map((name) => `${block}.${part}.${name}.weight`)));
  const perExpert = (name: string): string => `${experts}.*.${name}.weight`;
  return [
    convert(
      [`${experts}.gate_proj`, `${experts}.up_proj`],
      from([perExpert(gate), perExpert(up)], stack()),
      from(`${experts}.gate_up_proj`, split(1)),
      ...perMatrix(["gate_proj", "up_proj"]),
    ),
    convert(
      `${experts}.down_proj`,
      from(perExpert(down), stack()),
      from(`${experts}.down_proj`),
      ...perMatrix(["down_proj"]),
    ),
  ];
}

/** @throws {DecoderError} if the steps of a source do not lead from its tensors to this number of parameters */
function checkSteps(params: readonly string[], { tensors, operations }: WeightSource): void {
  const where = `convert(${params.join(", ")})`;
  const steps = operations.map(({ name }) => name);
  let count: number | undefined = params.length;
  for (const { count: before } of operations.toReversed()) count = count === undefined ? count : before(count);
  if (count !== tensors.length)
    throw new DecoderError({
      where,
      expected: `steps that lead from ${tensors.join(", ")} to ${params.length} parameters`,
      got: steps.length > 0 ? steps.join(", ") : "none",
      fix: "split produces several parameters from one tensor, concat one from several",
    });
  for (const tensor of tensors) {
    const stars = tensor.split("*").length - 1;
    if (stars === steps.filter((name) => name === "stack").length && stars < 2) continue;
    throw new DecoderError({
      where,
      expected: "one * in the name of a tensor with a stack step, and none without",
      got: `${JSON.stringify(tensor)} with ${steps.join(", ") || "no steps"}`,
    });
  }
  if (operations.slice(0, -1).some(({ changesValues }) => changesValues))
    throw new DecoderError({
      where,
      expected: "the step that changes values, such as add, as the last one",
      got: steps.join(", "),
      fix: "The other steps only move values, so the result is the same",
    });
}
