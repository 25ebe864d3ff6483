import type { FusedKernels } from "@mixtape/ops";
import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { plainMatrix } from "../matrix.js";
import { type BackwardKernel, GradientOutputs } from "./backward.js";
import type { NativeKernel } from "./kernel.js";
import { linearGradInput, linearGradWeight } from "./linear-gradients.js";
import { withScratch } from "./scratch.js";

type ProjectHeads = FusedKernels["MixtapeProjectHeads"];

/** `projectHeads` of `ops`: one pass over the input and all three weights, each head written where it belongs. */
export const projectHeadsKernel: NativeKernel = {
  name: "MixtapeProjectHeads",
  run(
    backend,
    { x, q, k, v, qBias, kBias, vBias }: ProjectHeads["inputs"],
    { headDim, transposed }: ProjectHeads["attrs"],
  ) {
    const [rows, length, width] = x.shape as [number, number, number];
    const output = ({ shape }: TensorInfo): TensorInfo =>
      backend.output([rows, shape[transposed ? 1 : 0]! / headDim, length, headDim]);
    const outputs = [output(q), output(k), output(v)] as const;
    const floats = (tensor: TensorInfo | undefined) => (tensor ? backend.floats(tensor) : null);
    addon().projectHeads(
      backend.floats(outputs[0]),
      backend.floats(outputs[1]),
      backend.floats(outputs[2]),
      backend.floats(x),
      plainMatrix(backend, q, transposed),
      plainMatrix(backend, k, transposed),
      plainMatrix(backend, v, transposed),
      floats(qBias),
      floats(kBias),
      floats(vBias),
      width,
      length,
      headDim,
      backend.precision,
    );
    return [...outputs];
  },
};

type Dys = { readonly dy0?: TensorInfo; readonly dy1?: TensorInfo; readonly dy2?: TensorInfo };

/** Computes the backward pass of `projectHeads`: merges the heads to rows again, and continues as that of `linear`. */
export const projectHeadsBackKernel: NativeKernel = {
  name: "MixtapeProjectHeadsBack",
  run(backend, inputs: ProjectHeads["inputs"] & Dys, { transposed, wanted }: BackwardKernel<ProjectHeads>["attrs"]) {
    const to = new GradientOutputs(backend, inputs, wanted);
    const x = backend.floats(inputs.x);
    const width = inputs.x.shape[2]!;
    const gradX = to.floats("x");
    let isAdded = false;
    for (const [i, name] of (["q", "k", "v"] as const).entries()) {
      const [dy, gradWeight, gradBias] = [inputs[`dy${i as 0 | 1 | 2}`], to.floats(name), to.floats(`${name}Bias`)];
      if (!dy) {
        gradWeight?.fill(0);
        gradBias?.fill(0);
        continue;
      }
      const [, heads = 0, , headDim = 0] = dy.shape;
      withScratch(backend, [util.sizeFromShape(dy.shape)], (rows) => {
        mergeHeads(backend, rows!, dy);
        if (gradX) linearGradInput(backend, gradX, rows!, inputs[name], transposed, isAdded);
        if (gradWeight) linearGradWeight(gradWeight, rows!, x, heads * headDim, width, transposed);
        if (gradBias) addon().sumColumns(gradBias, rows!, heads * headDim);
      });
      isAdded = true;
    }
    if (!isAdded) gradX?.fill(0);
    return [...to.all];
  },
};

/** Transposes `[B, H, L, D]` to `[B, L, H, D]`. */
function mergeHeads(backend: NativeBackend, out: Float32Array, tensor: TensorInfo): void {
  const [b, h, l, d] = tensor.shape as [number, number, number, number];
  const axes = Float64Array.of(b, l * h * d, h * l * d, l, h * d, d, h, d, l * d, d, 1, 1);
  addon().stridedCopy(out, 0, backend.floats(tensor), 0, axes);
}
