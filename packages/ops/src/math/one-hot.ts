import { cast, equal, expandDims, range, type Tensor, tidy } from "@tensorflow/tfjs-core";

/**
 * 1 at each index and 0 elsewhere, float32.
 *
 * tfjs's own refuses a depth of 1, and on wasm it writes the bits of the integer 1 where it is asked for float32.
 *
 * @param indices int32 `[…]`
 * @returns `[…, depth]`
 */
export function oneHot(indices: Tensor, depth: number): Tensor {
  return tidy(() => cast(equal(expandDims(indices, -1), range(0, depth, 1, "int32")), "float32"));
}
