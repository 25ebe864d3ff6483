import type { Tensor2D, Tensor3D } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";

/** Inputs of the fused kernel of `experts`: stacks in one tensor each, and biases, one row per expert. */
export type ExpertsInputs = {
  x: Tensor2D;
  indices: Tensor2D;
  weights: Tensor2D;
  gate: Tensor3D;
  up: Tensor3D;
  down: Tensor3D;
  gateBias?: Tensor2D | undefined;
  upBias?: Tensor2D | undefined;
  downBias?: Tensor2D | undefined;
};
export type ExpertsAttributes = { gating: Gating; transposed: boolean };
