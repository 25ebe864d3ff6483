import { causalConvolution } from "@mixtape/ops";
import type { Tensor2D, Tensor3D } from "@tensorflow/tfjs-core";
import { Module } from "./module.js";
import { Param } from "./param.js";

/**
 * Depthwise causal convolution without a bias: each channel is convolved with its own kernel over the last `kernelSize`
 * inputs.
 */
export class CausalConv extends Module {
  /** `[C, K]`; on disk `[C, 1, K]`, as in PyTorch's `Conv1d` with a group for each channel. */
  readonly weight: Param;

  constructor(channels: number, kernelSize: number) {
    super();
    this.weight = new Param([channels, kernelSize], "vectors");
  }

  /**
   * @param x `[B, L, C]`
   * @param past the previous inputs, `[B, K − 1, C]`. Default: zeros.
   * @returns `y` `[B, L, C]`, and `past` for the next inputs
   */
  forward(x: Tensor3D, past?: Tensor3D): { y: Tensor3D; past: Tensor3D } {
    return causalConvolution({ x, weight: this.weight.vectors as Tensor2D, past });
  }
}
