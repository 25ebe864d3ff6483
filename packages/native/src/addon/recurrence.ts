/** Recurrent token mixers. */
export interface RecurrenceFunctions {
  /** `shape` is rows, length, groups, heads, key width, value width. Without `eps`, queries and keys are taken as they are. */
  gatedDeltaRule(
    output: Float32Array,
    next: Float32Array,
    q: Float32Array,
    k: Float32Array,
    v: Float32Array,
    g: Float32Array,
    beta: Float32Array,
    state: Float32Array | null,
    shape: Int32Array,
    scale: number,
    eps: number | null,
  ): void;
  /** `x` is `[rows, length, width]`, `weight` `[width, taps]`, `past` and `next` `[rows, taps − 1, width]`. */
  causalConvolution(
    y: Float32Array,
    next: Float32Array,
    x: Float32Array,
    weight: Float32Array,
    past: Float32Array | null,
    rows: number,
    length: number,
    width: number,
    taps: number,
  ): void;
}
