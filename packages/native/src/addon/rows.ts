import type { NativeWeight } from "./handles.js";

/** Functions of rows: norms, rotary embedding, losses, embeddings and routing. */
export interface RowFunctions {
  /** Rows as long as the scale. */
  rmsNorm(out: Float32Array, x: Float32Array, scale: Float32Array, residual: Float32Array | null, eps: number): void;
  rmsNormBack(
    gradX: Float32Array | null,
    gradScale: Float32Array | null,
    x: Float32Array,
    scale: Float32Array,
    dy: Float32Array,
    eps: number,
  ): void;
  /** The logits are `[targets, vocabulary]`. */
  crossEntropy(out: Float32Array, logits: Float32Array, targets: Int32Array): void;
  crossEntropyBack(out: Float32Array, logits: Float32Array, targets: Int32Array, dy: Float32Array): void;
  /** `x` `[…, length, width]`, the tables `[…, length, rotaryDim]`. */
  rotary(
    out: Float32Array,
    x: Float32Array,
    cos: Float32Array,
    sin: Float32Array,
    length: number,
    width: number,
    rotaryDim: number,
    interleaved: boolean,
  ): void;
  embedding(out: Float32Array, ids: Int32Array, weight: NativeWeight | Float32Array, rows: number): void;
  /** Indices and weights are `[tokens, k]`, the logits `[tokens, experts]`. */
  chooseExperts(
    indices: Int32Array,
    weights: Float32Array,
    logits: Float32Array,
    bias: Float32Array | null,
    experts: number,
    k: number,
    softmax: boolean,
    normalize: boolean,
    scale: number,
  ): void;
  topKIndices(out: Int32Array, scores: Float32Array, width: number, k: number): void;
  takeAlongAxis(out: Float32Array, x: Float32Array, indices: Int32Array, width: number, k: number): void;
}
