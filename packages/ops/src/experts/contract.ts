import type { Tensor2D, Tensor3D } from "@tensorflow/tfjs-core";
import type { Activation } from "../activations.js";

/** What the fused kernel of `experts` takes: stacks in one tensor each. */
export type ExpertsInputs = {
  x: Tensor2D;
  indices: Tensor2D;
  weights: Tensor2D;
  gate: Tensor3D;
  up: Tensor3D;
  down: Tensor3D;
};
export type ExpertsAttributes = { activation: Activation; transposed: boolean };
