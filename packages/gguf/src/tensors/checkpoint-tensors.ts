import { safeName } from "@mixtape/errors";
import type { TensorView } from "@mixtape/safetensors";
import type { Architecture, GgufModel } from "../architectures/architecture.js";
import { findArchitecture } from "../architectures/find-architecture.js";
import { GgufFormatError, GgufUnsupportedError } from "../errors.js";
import { type StoredTensor, viewOfTensor } from "./tensor-view.js";

/** Divisors of frequencies, which become a part of the config. */
export const ROPE_FACTORS = "rope_freqs.weight";

/** Tensors outside the layers. */
const OUTER_NAMES = new Map([
  ["token_embd.weight", "model.embed_tokens.weight"],
  ["output_norm.weight", "model.norm.weight"],
  ["output.weight", "lm_head.weight"],
]);

/** Stacks of experts, `[E, out, in]`. */
const STACKS: ReadonlyMap<string, readonly (keyof Architecture["experts"])[]> = new Map([
  ["ffn_gate_exps.weight", ["gate"]],
  ["ffn_up_exps.weight", ["up"]],
  ["ffn_down_exps.weight", ["down"]],
  ["ffn_gate_up_exps.weight", ["gate", "up"]],
]);

/** Far above the experts of a layer: each gets a view. */
const MAX_EXPERTS = 10_000;

/** A projection of one expert, as files of the first converters have them: `ffn_gate.3.weight`. */
const SINGLE_EXPERT = /^ffn_(gate|up|down)\.(\d+)\.weight$/;

/**
 * Views the tensors of a model under the names that they have in a Hugging Face checkpoint, experts one by one.
 * @throws {GgufUnsupportedError} for an architecture or a type that is not supported, and for a tensor that the architecture
 *   does not have: without it, the model computes other numbers
 */
export function checkpointTensors(model: GgufModel, stored: Iterable<StoredTensor>): Map<string, TensorView> {
  const architecture = findArchitecture(model.metadata);
  const views = new Map<string, TensorView>();
  const add = (name: string, view: TensorView, { info, file }: StoredTensor): void => {
    if (views.has(name))
      throw new GgufFormatError({
        where: `${file.name}: tensor ${safeName(info.name)}`,
        expected: `one tensor for ${name}`,
        got: "another one",
      });
    views.set(name, view);
  };
  for (const tensor of stored) {
    if (tensor.info.name === ROPE_FACTORS && model.ropeFactors) continue;
    for (const [name, view] of viewsOf(tensor, architecture, model)) add(name, view, tensor);
  }
  return views;
}

function* viewsOf(
  tensor: StoredTensor,
  architecture: Architecture,
  model: GgufModel,
): Generator<readonly [string, TensorView]> {
  const { name } = tensor.info;
  const outer = OUTER_NAMES.get(name);
  if (outer !== undefined) return yield [outer, viewOfTensor(outer, tensor)];
  const [, layer, part] = /^blk\.(\d+)\.(.+)$/.exec(name) ?? [];
  if (layer === undefined || part === undefined) throw unknownTensor(tensor, architecture);
  const prefix = `model.layers.${layer}.`;
  const own = Object.hasOwn(architecture.layerNames, part) ? architecture.layerNames[part] : undefined;
  if (own !== undefined) {
    const shape = architecture.shape?.(part, tensor.info.shape);
    const view = viewOfTensor(prefix + own, tensor, shape);
    return yield [prefix + own, architecture.arrange?.(part, view, model) ?? view];
  }
  const [, projection, expert] = SINGLE_EXPERT.exec(part) ?? [];
  if (projection !== undefined) {
    const full = prefix + architecture.experts[projection as keyof Architecture["experts"]].replace("*", expert!);
    return yield [full, viewOfTensor(full, tensor)];
  }
  const projections = STACKS.get(part);
  if (projections === undefined) throw unknownTensor(tensor, architecture);
  yield* expertViews(tensor, projections, (one, index) => prefix + architecture.experts[one].replace("*", `${index}`));
}

/** Views a stack expert by expert. A stack of two projections has the rows of the first before those of the second. */
function* expertViews<P>(
  tensor: StoredTensor,
  projections: readonly P[],
  nameOf: (projection: P, index: number) => string,
): Generator<readonly [string, TensorView]> {
  const { info, file } = tensor;
  const [count, rows] = info.shape;
  if (info.shape.length !== 3 || rows! % projections.length !== 0 || count! > MAX_EXPERTS)
    throw new GgufFormatError({
      where: `${file.name}: tensor ${safeName(info.name)}`,
      expected: `a stack of at most ${MAX_EXPERTS} matrices${projections.length === 1 ? "" : " with an even number of rows"}`,
      got: `[${info.shape.join(", ")}]`,
    });
  const stack = viewOfTensor(info.name, tensor);
  const each = rows! / projections.length;
  for (let index = 0; index < count!; index++) {
    const matrix = stack.at(index);
    for (const [i, projection] of projections.entries())
      yield [nameOf(projection, index), projections.length === 1 ? matrix : matrix.slice(i * each, (i + 1) * each)];
  }
}

function unknownTensor({ info, file }: StoredTensor, { name }: Architecture): GgufUnsupportedError {
  return new GgufUnsupportedError({
    where: `${file.name}: tensor ${safeName(info.name)}`,
    expected: `the tensors of architecture ${name}`,
    got: `one of shape [${info.shape.join(", ")}] that such a model does not have here`,
  });
}
