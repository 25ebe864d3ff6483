import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import type { BackwardKernel } from "./backward.js";
import type { NativeKernel } from "./kernel.js";
import { withScratch } from "./scratch.js";

type Rotary = FusedKernels["MixtapeRotary"];

/** `rotary` of `ops`, without the halves, their negation and their concatenation as tensors. */
export const rotaryKernel: NativeKernel = {
  name: "MixtapeRotary",
  run(backend, { x, cos, sin }: Rotary["inputs"], { interleaved }: Rotary["attrs"]) {
    const out = backend.output(x.shape);
    addon().rotary(
      backend.floats(out),
      backend.floats(x),
      backend.floats(cos),
      backend.floats(sin),
      x.shape[2]!,
      x.shape[3]!,
      cos.shape[2]!,
      interleaved,
    );
    return out;
  },
};

/**
 * Computes the backward pass of `rotary` with respect to `x`: a rotation by the negative angles. The op computes the gradients of
 * the tables.
 */
export const rotaryBackKernel: NativeKernel = {
  name: "MixtapeRotaryBack",
  run(
    backend,
    { x, cos, sin, dy0 }: BackwardKernel<Rotary>["inputs"],
    { wanted, interleaved }: BackwardKernel<Rotary>["attrs"],
  ) {
    if (wanted.some((name) => name !== "x")) return [];
    const out = backend.output(x.shape);
    const rotaryDim = cos.shape[2]!;
    const half = rotaryDim / 2;
    const forwards = backend.floats(sin);
    withScratch(backend, [forwards.length], (backwards) => {
      for (let row = 0; row < forwards.length; row += rotaryDim)
        for (let i = 0; i < half; i++) {
          backwards![row + i] = -forwards[row + half + i]!;
          backwards![row + half + i] = -forwards[row + i]!;
        }
      const [, , length = 0, width = 0] = x.shape;
      const [dx, dy, cosines] = [backend.floats(out), backend.floats(dy0), backend.floats(cos)];
      addon().rotary(dx, dy, cosines, backwards!, length, width, rotaryDim, interleaved);
    });
    return [out];
  },
};
