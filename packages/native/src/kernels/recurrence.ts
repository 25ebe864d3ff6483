import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

type GatedDeltaRule = FusedKernels["MixtapeGatedDeltaRule"];
type CausalConvolution = FusedKernels["MixtapeCausalConvolution"];

/** `gatedDeltaRule` of `ops`, token by token: a thread keeps some columns of a head's state in its nearest cache. */
export const gatedDeltaRuleKernel: NativeKernel = {
  name: "MixtapeGatedDeltaRule",
  run(backend, { q, k, v, g, beta, state }: GatedDeltaRule["inputs"], { scale, l2NormEps }: GatedDeltaRule["attrs"]) {
    const [rows, length, groups, keyWidth] = q.shape as [number, number, number, number];
    const [, , heads, valueWidth] = v.shape as [number, number, number, number];
    const output = backend.output(v.shape);
    const next = backend.output([rows, heads, keyWidth, valueWidth]);
    addon().gatedDeltaRule(
      backend.floats(output),
      backend.floats(next),
      backend.floats(q),
      backend.floats(k),
      backend.floats(v),
      backend.floats(g),
      backend.floats(beta),
      state ? backend.floats(state) : null,
      Int32Array.of(rows, length, groups, heads, keyWidth, valueWidth),
      scale,
      l2NormEps,
    );
    return [output, next];
  },
};

/** `causalConvolution` of `ops`, without the inputs that are shifted as tensors. */
export const causalConvolutionKernel: NativeKernel = {
  name: "MixtapeCausalConvolution",
  run(backend, { x, weight, past }: CausalConvolution["inputs"]) {
    const [rows, length, width] = x.shape as [number, number, number];
    const taps = weight.shape[1]!;
    const y = backend.output(x.shape);
    const next = backend.output([rows, taps - 1, width]);
    addon().causalConvolution(
      backend.floats(y),
      backend.floats(next),
      backend.floats(x),
      backend.floats(weight),
      past ? backend.floats(past) : null,
      rows,
      length,
      width,
      taps,
    );
    return [y, next];
  },
};
