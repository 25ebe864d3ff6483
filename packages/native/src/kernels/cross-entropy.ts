import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import type { BackwardKernel } from "./backward.js";
import type { NativeKernel } from "./kernel.js";

type CrossEntropy = FusedKernels["MixtapeCrossEntropy"];

/**
 * `crossEntropy` of `ops`: each row is read, nothing but its sum is written.
 * @throws {NativeError} for a target that is no column of the logits.
 */
export const crossEntropyKernel: NativeKernel = {
  name: "MixtapeCrossEntropy",
  run(backend, { logits, targets }: CrossEntropy["inputs"]) {
    const out = backend.output(targets.shape);
    if (targets.shape[0] !== 0)
      addon().crossEntropy(backend.floats(out), backend.floats(logits), backend.ints(targets));
    return out;
  },
};

/** Computes the backward pass of `crossEntropy`, with no other array of that size. */
export const crossEntropyBackKernel: NativeKernel = {
  name: "MixtapeCrossEntropyBack",
  run(backend, { logits, targets, dy0 }: BackwardKernel<CrossEntropy>["inputs"]) {
    const out = backend.output(logits.shape);
    if (targets.shape[0] !== 0)
      addon().crossEntropyBack(backend.floats(out), backend.floats(logits), backend.ints(targets), backend.floats(dy0));
    return [out];
  },
};
