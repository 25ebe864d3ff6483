import type { Dtype, TensorView } from "@mixtape/safetensors";
import {
  dispose,
  reshape,
  slice,
  stack,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  tidy,
  transpose,
} from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";

/**
 * Role of a weight, which decides how an engine stores it.
 *
 * - `vector`: a scale or a bias, `[n]`.
 * - `vectors`: one bias per expert, `[experts, n]`, or the taps of each channel of a convolution, `[channels, taps]`.
 * - `matrix`: the weight of a linear map, `[out, in]`.
 * - `table`: an embedding, whose rows are looked up and never multiplied, `[rows, width]`.
 * - `stack`: an expert stack, one matrix per expert, `[experts, out, in]`.
 */
export type WeightRole = "vector" | "vectors" | "matrix" | "table" | "stack";

/** Weight on the engine in use. Its logical shape is that of the checkpoint, whatever the layout. */
export interface Weight {
  readonly role: WeightRole;
  /** Logical shape, as in a Hugging Face checkpoint: matrices are `[out, in]`. */
  readonly shape: readonly number[];
  /** `transposed`: the last two axes of `parts` are swapped against `shape`, because the engine multiplies faster that way. */
  readonly layout: "plain" | "transposed";
  /** One tensor, or one per expert for a stack that is stored apart. */
  readonly parts: readonly Tensor[];
}

/** Tensors of one shape in a file that form a stack along a new first axis. Nothing is copied. */
export interface StackedView {
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly views: readonly TensorView[];
}

/** Source of the values of a weight: one tensor of a file, or several that form a stack. */
export type WeightView = TensorView | StackedView;

/**
 * Stacks views of one shape and dtype along a new first axis.
 * @throws {OpsError} if shapes or dtypes differ, or there are no views.
 */
export function stackViews(views: readonly TensorView[]): StackedView {
  const [first] = views;
  if (!first) throw new OpsError({ where: "stackViews", expected: "at least one tensor", got: "none" });
  for (const view of views) {
    if (view.dtype !== first.dtype || view.shape.join() !== first.shape.join())
      throw new OpsError({
        where: view.name,
        expected: `${first.dtype} [${first.shape}] as in ${first.name}`,
        got: `${view.dtype} [${view.shape}]`,
        fix: "The tensors of one stack must have one shape and one dtype",
      });
  }
  return { shape: [views.length, ...first.shape], dtype: first.dtype, views };
}

/** Returns the tensor of a weight that is stored in one piece. */
export function wholeTensor(weight: Weight): Tensor {
  const [tensor, another] = weight.parts;
  if (!tensor || another)
    throw new OpsError({
      where: `a ${weight.role} [${weight.shape}]`,
      expected: "a weight in one piece",
      got: `${weight.parts.length} pieces`,
    });
  return tensor;
}

/**
 * Returns expert `index` of a stack as a matrix, in the stack's layout. A view if the experts are stored apart.
 * @throws {OpsError} if there is no such expert.
 */
export function matrixAt(weight: Weight, index: number): Weight {
  const [count = 0, ...shape] = weight.shape;
  if (!(Number.isInteger(index) && index >= 0 && index < count))
    throw new OpsError({
      where: `a stack [${weight.shape}]`,
      expected: `a matrix from 0 to ${count - 1}`,
      got: `${index}`,
    });
  return {
    role: "matrix",
    shape,
    layout: weight.layout,
    parts: [isApart(weight) ? weight.parts[index]! : cut(weight, index)],
  };
}

/** Returns a stack's experts as one tensor `[experts, …]` in the stack's layout. Copies if they are stored apart. */
export function stackedTensor(weight: Weight): Tensor3D {
  return (isApart(weight) ? stack([...weight.parts]) : wholeTensor(weight)) as Tensor3D;
}

/** Returns a weight as one new tensor of its logical shape. The caller disposes it. */
export function logicalTensor(weight: Weight): Tensor {
  return tidy(() => {
    const tensor = weight.role === "stack" ? stackedTensor(weight) : wholeTensor(weight);
    if (weight.layout === "plain") return tensor.clone();
    return transpose(tensor, tensor.rank === 3 ? [0, 2, 1] : [1, 0]);
  });
}

/** Frees the weight's tensors. */
export function disposeWeight(weight: Weight): void {
  dispose([...weight.parts]);
}

/** Returns whether a stack is stored as one tensor per expert. */
export function isApart(weight: Weight): boolean {
  return weight.parts[0]!.rank === 2;
}

function cut(weight: Weight, index: number): Tensor2D {
  const whole = wholeTensor(weight) as Tensor3D;
  const [, rows, columns] = whole.shape;
  return reshape(slice(whole, [index, 0, 0], [1, rows, columns]), [rows, columns]);
}
