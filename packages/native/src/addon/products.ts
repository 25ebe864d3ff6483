import type { NativeWeight } from "./handles.js";

/** Products with weights, and of matrices. */
export interface ProductFunctions {
  linear(
    out: Float32Array,
    x: Float32Array,
    weight: NativeWeight | Float32Array,
    bias: Float32Array | null,
    width: number,
    precision: number,
  ): void;
  /**
   * Computes the backward pass of `linear`: `dy` `[tokens, rows]`, the weight `[rows, width]`, `out` `[tokens, width]`, to which
   * the result is added if `add` is set.
   */
  linearBack(
    out: Float32Array,
    dy: Float32Array,
    weight: NativeWeight | Float32Array,
    rows: number,
    precision: number,
    add: boolean,
  ): void;
  /** Matrix `i` of `out` `[m, n]` is the product of `left[i]` of `a` `[m, depth]` and `right[i]` of `b` `[depth, n]`. */
  matMul(
    out: Float32Array,
    a: NativeWeight | Float32Array,
    b: NativeWeight | Float32Array,
    left: Int32Array,
    right: Int32Array,
    m: number,
    depth: number,
    n: number,
    transposeA: boolean,
    transposeB: boolean,
  ): void;
  /** `x` `[rows, length, width]` to `[rows, heads, length, headDim]` each. */
  projectHeads(
    q: Float32Array,
    k: Float32Array,
    v: Float32Array,
    x: Float32Array,
    qWeight: NativeWeight | Float32Array,
    kWeight: NativeWeight | Float32Array,
    vWeight: NativeWeight | Float32Array,
    qBias: Float32Array | null,
    kBias: Float32Array | null,
    vBias: Float32Array | null,
    width: number,
    length: number,
    headDim: number,
    precision: number,
  ): void;
}
