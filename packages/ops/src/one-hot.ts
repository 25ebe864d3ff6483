import { cast, type Tensor, oneHot as tfjsOneHot } from "@tensorflow/tfjs-core";

/**
 * 1 at each index and 0 elsewhere, float32.
 *
 * tfjs can be asked for float32, but its wasm kernel then writes the bits of the integer 1: hence the cast.
 *
 * @param indices int32 `[…]`
 * @returns `[…, depth]`
 */
export function oneHot(indices: Tensor, depth: number): Tensor {
  return cast(tfjsOneHot(indices, depth), "float32");
}
