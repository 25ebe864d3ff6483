import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import { keyValuesBehind } from "../key-value-store.js";
import { type BackwardKernel, GradientOutputs } from "./backward.js";
import type { NativeKernel } from "./kernel.js";

type Attention = FusedKernels["MixtapeAttention"];

/** Computes `attention` of `ops`: holds no score matrix, and reads keys and values of a cache in place. */
export const attentionKernel: NativeKernel = {
  name: "MixtapeAttention",
  run(backend, { q, k, v, padding, starts, sinks }: Attention["inputs"], { scale, window }: Attention["attrs"]) {
    const [b, h, l, d] = q.shape as [number, number, number, number];
    const [, g, s] = k.shape as [number, number, number];
    const valueWidth = v.shape[3]!;
    const out = backend.output([b, l, h * valueWidth]);
    const store = keyValuesBehind(backend, k, v);
    addon().attention(
      backend.floats(out),
      backend.floats(q),
      store ?? backend.floats(k),
      store ? null : backend.floats(v),
      padding ? backend.ints(padding) : null,
      // The length of a store is not an argument: it changes from step to step.
      Int32Array.of(b, h, g, l, store ? 0 : s, d, valueWidth),
      window,
      scale,
      starts ? backend.ints(starts) : null,
      sinks ? backend.floats(sinks) : null,
    );
    return out;
  },
};

/** The backward pass of `attention`: scores are computed again, for some queries at a time. */
export const attentionBackKernel: NativeKernel = {
  name: "MixtapeAttentionBack",
  run(
    backend,
    inputs: BackwardKernel<Attention>["inputs"],
    { scale, window, wanted }: BackwardKernel<Attention>["attrs"],
  ) {
    const { q, k, v, padding, starts, sinks, dy0 } = inputs;
    // Where it has no kernel, `ops` differentiates the composition.
    if (sinks) return [];
    const [b, h, l, d] = q.shape as [number, number, number, number];
    const [, g, s] = k.shape as [number, number, number];
    const to = new GradientOutputs(backend, { q, k, v }, ["q", "k", "v"]);
    addon().attentionBack(
      to.floats("q")!,
      to.floats("k")!,
      to.floats("v")!,
      backend.floats(q),
      backend.floats(k),
      backend.floats(v),
      backend.floats(dy0),
      padding ? backend.ints(padding) : null,
      starts ? backend.ints(starts) : null,
      Int32Array.of(b, h, g, l, s, d, v.shape[3]!),
      window,
      scale,
    );
    return to.only(wanted);
  },
};
