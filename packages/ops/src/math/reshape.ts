import {
  getBackend,
  getKernel,
  type Rank,
  type ShapeMap,
  type Tensor,
  reshape as tfReshape,
} from "@tensorflow/tfjs-core";
import { runKernel } from "../autodiff/op.js";
import { isRecording } from "../autodiff/recording.js";

/**
 * Reshapes a tensor to a shape without −1. Costs no more than the new tensor, while tfjs's `reshape` costs more than most kernels
 * of a decode step.
 */
export function reshape<R extends Rank>(x: Tensor, shape: ShapeMap[R]): Tensor<R> {
  const kernel = isRecording() ? undefined : getKernel("Reshape", getBackend());
  return (kernel ? runKernel(kernel, { x }, { shape }) : tfReshape(x, shape)) as Tensor<R>;
}
