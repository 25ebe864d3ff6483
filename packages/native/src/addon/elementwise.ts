/** Elementwise functions, reductions, and the optimiser step. */
export interface ElementwiseFunctions {
  /**
   * Without axes the shorter operand, whose length divides the other's, is repeated. With axes each is three numbers: its size
   * and the strides of a and b; those of the last axis are 0 or 1.
   */
  binary(out: Float32Array, a: Float32Array, b: Float32Array, operation: number, axes?: Float64Array): void;
  unary(out: Float32Array, x: Float32Array, operation: number): void;
  /** Row by row; `out` has a number for each row of `x`. */
  sumRows(out: Float32Array, x: Float32Array, divisor: number): void;
  maxRows(out: Float32Array, x: Float32Array): void;
  /** `x` `[outer, n, inner]` to `[outer, inner]`. */
  sumColumns(out: Float32Array, x: Float32Array, inner: number): void;
  softmax(out: Float32Array, x: Float32Array, width: number): void;
  /** `params` are beta1, beta2, eps, decayFactor, stepSize, inverseSqrtBiasCorrection2 and gradientScale, as in `AdamWParams` of the addon. */
  adamW(
    weightOut: Float32Array,
    meanOut: Float32Array,
    varianceOut: Float32Array,
    weight: Float32Array,
    mean: Float32Array,
    variance: Float32Array,
    gradient: Float32Array | null,
    params: Float64Array,
  ): void;
  /** `out` is one number. */
  sumSquares(out: Float32Array, x: Float32Array): void;
}
