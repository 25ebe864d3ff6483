import { QuantizationError } from "@mixtape/quantization";
import type { TensorMatch } from "../match-tensors.js";
import { blockFormatOf } from "../stored-weights.js";

/** @throws {QuantizationError} if weights of the checkpoint are quantised already */
export function refuseQuantized({ found }: TensorMatch, where: string): void {
  for (const { views } of found)
    for (const view of views.flat()) {
      const format = blockFormatOf(view);
      if (!format) continue;
      throw new QuantizationError({
        where,
        expected: "weights in bfloat16, float16 or float32, to be quantised",
        got: `${view.name} in the format ${format.name}`,
        fix: "It is quantised already: load it as it is, or quantise the checkpoint that it was made from",
      });
    }
}
