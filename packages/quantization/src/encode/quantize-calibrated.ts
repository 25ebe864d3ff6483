import type { TensorView } from "@mixtape/safetensors";
import { type Feedback, feedbackOf, type Hessian, roundingOrder } from "./hessian.js";
import type { EncodedMatrix, MatrixLayout } from "./matrix-layout.js";
import { quantizeMatrix } from "./quantize-matrix.js";

/**
 * Decompositions of Hessians: that of several matrices with the same inputs and group size is made once, and lives as long as the
 * values of the Hessian do.
 */
const known = new WeakMap<Float32Array, { readonly groupSize: number; readonly feedback: Feedback }>();

/**
 * Quantises a matrix by GPTQ, or value by value without a Hessian.
 * @param view the matrix `[rows, columns]`
 * @throws {QuantizationError} for weights or a Hessian with values that are not finite
 */
export async function quantizeCalibrated(
  view: TensorView,
  layout: MatrixLayout,
  hessian?: Hessian,
): Promise<EncodedMatrix> {
  const { name, dtype } = view;
  return quantizeMatrix(name, await view.read(), dtype, layout, hessian && knownFeedback(name, hessian, layout));
}

function knownFeedback(name: string, hessian: Hessian, { groupSize }: MatrixLayout): Feedback {
  const before = known.get(hessian.values);
  if (before?.groupSize === groupSize) return before.feedback;
  const feedback = feedbackOf(name, hessian, roundingOrder(hessian, groupSize));
  known.set(hessian.values, { groupSize, feedback });
  return feedback;
}
