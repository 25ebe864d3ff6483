import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { HostKernel } from "./host.js";

type Inputs = {
  q: TensorInfo;
  k: TensorInfo;
  v: TensorInfo;
  padding?: TensorInfo;
  starts?: TensorInfo;
  sinks?: TensorInfo;
};
type Attributes = { scale: number; window: number | null };

/** Computes `attention` query by query: skips keys that a query does not see, and holds no score matrix. */
export const attentionKernel: HostKernel = {
  name: "MixtapeAttention",
  backends: ["cpu", "wasm"],
  run(host, inputs: Inputs, { scale, window }: Attributes) {
    const [b, h, l, d] = inputs.q.shape as [number, number, number, number];
    const [, g, s] = inputs.k.shape as [number, number, number];
    const width = inputs.v.shape[3]!;
    const out = host.output([b, l, h * width], "float32");
    const q = host.floats(inputs.q);
    const k = host.floats(inputs.k);
    const v = host.floats(inputs.v);
    const padding = inputs.padding && host.ints(inputs.padding);
    const starts = inputs.starts && host.ints(inputs.starts);
    const sinks = inputs.sinks && host.floats(inputs.sinks);
    const y = host.floats(out).fill(0);
    const scores = new Float32Array(s);
    for (let row = 0; row < b; row++) {
      for (let head = 0; head < h; head++) {
        const group = (row * g + Math.floor((head * g) / h)) * s;
        for (let query = 0; query < l; query++) {
          const slot = s - l + query;
          const reach = window === null ? 0 : Math.max(0, slot - window + 1);
          const seen = { from: Math.max(reach, starts?.[row * s + slot] ?? 0), to: slot + 1 };
          const at = ((row * h + head) * l + query) * d;
          const to = ((row * l + query) * h + head) * width;
          const isToken = padding?.subarray(row * s, (row + 1) * s);
          const total = weigh(scores, q, at, k, group * d, d, seen, scale, isToken, sinks?.[head]);
          if (total !== 0) mix(y, to, scores, v, group * width, width, seen, 1 / total);
          // A query that sees nothing is padding itself: as in the reference, it attends to every key evenly, or to the sink.
          else if (!sinks) mix(y, to, scores.fill(1), v, group * width, width, { from: 0, to: s }, 1 / s);
        }
      }
    }
    return out;
  },
};

type Range = { readonly from: number; readonly to: number };

/**
 * Writes e^(score − largest) of each key that is seen, 0 for padding, and returns their sum and the sink's: 0 if none is seen,
 * and NaN if a score is not a number.
 */
function weigh(
  scores: Float32Array,
  q: Float32Array,
  at: number,
  k: Float32Array,
  group: number,
  d: number,
  { from, to }: Range,
  scale: number,
  isToken: Int32Array | undefined,
  sink = -Infinity,
): number {
  let largest = sink;
  let seesNone = true;
  for (let key = from; key < to; key++) {
    if (isToken && isToken[key] === 0) {
      scores[key] = -Infinity;
      continue;
    }
    seesNone = false;
    const row = group + key * d;
    let dot = 0;
    for (let i = 0; i < d; i++) dot += q[at + i]! * k[row + i]!;
    scores[key] = dot * scale;
    if (scores[key]! > largest) largest = scores[key]!;
  }
  if (seesNone) return 0;
  let total = Math.exp(sink - largest);
  for (let key = from; key < to; key++) {
    scores[key] = Math.exp(scores[key]! - largest);
    total += scores[key]!;
  }
  return total;
}

/** Adds the values of the keys in range, each multiplied by its weight and `factor`. */
function mix(
  y: Float32Array,
  at: number,
  weights: Float32Array,
  v: Float32Array,
  group: number,
  d: number,
  { from, to }: Range,
  factor: number,
): void {
  for (let key = from; key < to; key++) {
    const weight = weights[key]! * factor;
    const row = group + key * d;
    for (let i = 0; i < d; i++) y[at + i]! += weight * v[row + i]!;
  }
}
