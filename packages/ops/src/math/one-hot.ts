import { cast, equal, expandDims, range, type Tensor, tidy } from "@tensorflow/tfjs-core";

/**
 * One-hot encoding in float32: 1 at each index and 0 elsewhere. A row of zeros for an index that is out of range.
 *
 * tfjs's `oneHot` rejects a depth of 1, and on wasm writes the bits of the integer 1 into float32 tensors.
 *
 * @param indices int32 `[…]`
 * @returns `[…, depth]`
 */
export function oneHot(indices: Tensor, depth: number): Tensor {
  return tidy(() => cast(equal(expandDims(indices, -1), range(0, depth, 1, "int32")), "float32"));
}
