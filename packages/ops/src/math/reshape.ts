import {
  getBackend,
  getKernel,
  type Rank,
  type ShapeMap,
  type Tensor,
  reshape as tfReshape,
} from "@tensorflow/tfjs-core";
import { runKernel } from "../autodiff/op.js";
import { isRecording } from "../autodiff/tape.js";

/**
 * tfjs's `reshape`, for a shape whose every axis is given, at the cost of the tensor that it makes: tfjs's own costs more
 * than most kernels of a decode step.
 */
export function reshape<R extends Rank>(x: Tensor, shape: ShapeMap[R]): Tensor<R> {
  const kernel = isRecording() ? undefined : getKernel("Reshape", getBackend());
  return (kernel ? runKernel(kernel, { x }, { shape }) : tfReshape(x, shape)) as Tensor<R>;
}
