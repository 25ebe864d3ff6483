import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import { slotsBehind } from "../slots.js";
import type { NativeKernel } from "./kernel.js";

type Inputs = { q: TensorInfo; k: TensorInfo; v: TensorInfo; padding?: TensorInfo };
type Attributes = { scale: number; window: number | null };

/** `attention` of `ops`: no score matrix is held, and slots of a cache are read where they lie. */
export const attentionKernel: NativeKernel = {
  name: "MixtapeAttention",
  run(backend, { q, k, v, padding }: Inputs, { scale, window }: Attributes) {
    const [b, h, l, d] = q.shape as [number, number, number, number];
    const [, g, s] = k.shape as [number, number, number];
    const out = backend.output([b, l, h * d]);
    const slots = slotsBehind(backend, k, v);
    addon().attention(
      backend.floats(out),
      backend.floats(q),
      slots ?? backend.floats(k),
      slots ? null : backend.floats(v),
      padding ? backend.ints(padding) : null,
      // What slots know themselves is not said twice: it changes from step to step.
      Int32Array.of(b, h, g, l, slots ? 0 : s, d),
      window,
      scale,
    );
    return out;
  },
};
