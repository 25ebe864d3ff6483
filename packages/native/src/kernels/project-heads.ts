import type { FusedKernels } from "@mixtape/ops";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import { plainMatrix } from "../matrix.js";
import type { NativeKernel } from "./kernel.js";

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
