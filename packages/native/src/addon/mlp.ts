import type { NativeWeight } from "./handles.js";

/** Gated MLPs, experts and their gates. */
export interface MlpFunctions {
  /**
   * `x` `[…, width]`, `gate` and `up` `[inner, width]`, `down` `[width, inner]`, biases as long as their rows; `gating` is its kind and
   * the numbers of its formula.
   */
  gatedMlp(
    out: Float32Array,
    x: Float32Array,
    gate: NativeWeight | Float32Array,
    up: NativeWeight | Float32Array,
    down: NativeWeight | Float32Array,
    gateBias: Float32Array | null,
    upBias: Float32Array | null,
    downBias: Float32Array | null,
    width: number,
    inner: number,
    gating: Float32Array,
    precision: number,
  ): void;
  /**
   * `x` `[tokens, width]`, `indices` (−1 for none) and `weights` `[tokens, choices]`, the stacks of `count` matrices, and as many biases,
   * as those of `gatedMlp`.
   */
  experts(
    out: Float32Array,
    x: Float32Array,
    indices: Int32Array,
    weights: Float32Array,
    gate: NativeWeight | Float32Array,
    up: NativeWeight | Float32Array,
    down: NativeWeight | Float32Array,
    gateBias: Float32Array | null,
    upBias: Float32Array | null,
    downBias: Float32Array | null,
    count: number,
    width: number,
    inner: number,
    gating: Float32Array,
    precision: number,
  ): void;
  /** The backward pass of `experts`: gradients that are not null. `shape` is the number of experts, width, inner and precision. */
  expertsBack(
    gradX: Float32Array | null,
    gradWeights: Float32Array | null,
    gradGate: Float32Array | null,
    gradUp: Float32Array | null,
    gradDown: Float32Array | null,
    gradGateBias: Float32Array | null,
    gradUpBias: Float32Array | null,
    gradDownBias: Float32Array | null,
    x: Float32Array,
    indices: Int32Array,
    weights: Float32Array,
    dy: Float32Array,
    gate: NativeWeight | Float32Array,
    up: NativeWeight | Float32Array,
    down: NativeWeight | Float32Array,
    gateBias: Float32Array | null,
    upBias: Float32Array | null,
    downBias: Float32Array | null,
    shape: Int32Array,
    gating: Float32Array,
  ): void;
  gate(out: Float32Array, gate: Float32Array, up: Float32Array, gating: Float32Array): void;
  gateBack(
    gradGate: Float32Array,
    gradUp: Float32Array,
    gate: Float32Array,
    up: Float32Array,
    dy: Float32Array,
    gating: Float32Array,
  ): void;
}
