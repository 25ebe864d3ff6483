import { QuantizationError } from "@mixtape/quantization";
import type { TensorMatch } from "../match-tensors.js";

/** @throws {QuantizationError} if weights of the checkpoint are quantised already */
export function refuseQuantized({ found }: TensorMatch, where: string): void {
  for (const { views } of found)
    for (const { name, quantized } of views.flat()) {
      if (!quantized) continue;
      throw new QuantizationError({
        where,
        expected: "weights in bfloat16, float16 or float32, to be quantised",
        got: `${name} in the format ${quantized.format.name}`,
        fix: "It is quantised already: load it as it is, or quantise the checkpoint that it was made from",
      });
    }
}
