import {
  add,
  concat,
  matMul,
  mul,
  reshape,
  slice,
  softmax,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tidy,
  tile,
  transpose,
} from "@tensorflow/tfjs-core";
import { defineOp } from "../autodiff/op.js";
import { OpsError } from "../errors.js";
import { dropout } from "../math/dropout.js";
import { sameShape } from "../math/shapes.js";
import { currentRng } from "../random/rng.js";
import type { AttentionMask } from "./attention-mask.js";

/** Attributes of the fused attention kernel. */
export interface AttentionAttributes {
  /** Factor on the scores. */
  readonly scale: number;
  /** Number of keys that a query sees at most, its own included; null for all before it. */
  readonly window: number | null;
  /**
   * The mask that `window` and the inputs `padding` and `starts` come from; it writes out the matrix for kernels that need one.
   */
  readonly mask: AttentionMask;
}

export type AttentionInputs = {
  q: Tensor4D;
  k: Tensor4D;
  v: Tensor4D;
  padding?: Tensor2D;
  starts?: Tensor2D;
  sinks?: Tensor1D;
};

/** Options of {@link attention}. */
export interface AttentionOptions {
  /** Dropout probability of attention probabilities in training. Default: 0. */
  readonly dropout?: number;
  /** `[H]`: a learned score per head that takes part in its softmax and has no value, as in GPT-OSS. Default: none. */
  readonly sinks?: Tensor1D | undefined;
}

const compose = ({ q, k, v, sinks }: AttentionInputs, { scale, mask }: AttentionAttributes): Tensor3D =>
  mergeHeads(weighValues(probabilities(q, k, mask, scale, sinks), v));

const run = defineOp({ kernel: "MixtapeAttention", compose });

/**
 * Scaled dot-product attention with grouped key and value heads (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762; Ainslie
 * et al. 2023, https://arxiv.org/abs/2305.13245). Query head `h` attends with key head `⌊h·G/H⌋`.
 *
 * Fused kernel: `MixtapeAttention`, inputs `q`, `k`, `v`, `padding?` (int32 `[B, S]`, 0 for padding), `starts?` (int32 `[B, S]`,
 * the first position of each position's document; a query sees none before it), `sinks?` (`[H]`), attributes {@link
 * AttentionAttributes}. With documents that are not contiguous, the composition runs on every engine.
 *
 * A sink (Xiao et al. 2023, https://arxiv.org/abs/2309.17453, learned in GPT-OSS) takes a share of the softmax: the probabilities
 * of a query sum to less than 1, and to 0 if it sees no key.
 *
 * With `dropout` above 0, inside of `withRng`, probabilities are dropped as in the reference's eager attention: after the
 * softmax, so that a row no longer sums to 1. The composition runs then on every engine.
 *
 * @param q `[B, H, L, D]`
 * @param k `[B, G, S, D]`
 * @param v `[B, G, S, Dv]`
 * @param mask the keys that each query sees
 * @returns `[B, L, H·Dv]`, the heads merged
 * @throws {OpsError} if shapes do not fit, H is not a multiple of G, or in training `dropout` is not in [0, 1).
 */
export function attention(
  q: Tensor4D,
  k: Tensor4D,
  v: Tensor4D,
  mask: AttentionMask,
  scale: number,
  options: AttentionOptions = {},
): Tensor3D {
  if (options.dropout && currentRng()) return attentionWithProbabilities(q, k, v, mask, scale, options).output;
  checkShapes(q, k, v, mask, options.sinks);
  const { sinks } = options;
  const attributes = { scale, window: mask.window, mask };
  if (mask.documentIds && !mask.hasRuns) return tidy(() => compose({ q, k, v, ...(sinks && { sinks }) }, attributes));
  return run({ q, k, v, padding: mask.padding(), starts: mask.starts(), sinks }, attributes);
}

/**
 * Computes {@link attention} and returns the probabilities too, 0 for dropped ones. Always the composition: a fused kernel never
 * holds them.
 *
 * @returns `output` `[B, L, H·Dv]` and `probabilities` `[B, H, L, S]`
 */
export function attentionWithProbabilities(
  q: Tensor4D,
  k: Tensor4D,
  v: Tensor4D,
  mask: AttentionMask,
  scale: number,
  { dropout: p = 0, sinks }: AttentionOptions = {},
): { output: Tensor3D; probabilities: Tensor4D } {
  checkShapes(q, k, v, mask, sinks);
  return tidy(() => {
    const kept = dropout(probabilities(q, k, mask, scale, sinks), p);
    return { output: mergeHeads(weighValues(kept, v)), probabilities: kept };
  });
}

/** Computes probabilities `[B, H, L, S]`. The heads of a group are folded into the queries, so that keys are not repeated. */
function probabilities(q: Tensor4D, k: Tensor4D, mask: AttentionMask, scale: number, sinks?: Tensor1D): Tensor4D {
  const [b, h, l, d] = q.shape;
  const [, g, s] = k.shape;
  // Transposed first: a product with a transposed right side is far slower on some engines.
  const scores = matMul(reshape(q, [b, g, (h / g) * l, d]), transpose(k, [0, 1, 3, 2]));
  const scaled = reshape(mul(scores, scale), [b, h, l, s]) as Tensor4D;
  const masked = mask.isOpen ? scaled : add<Tensor4D>(scaled, mask.additive());
  if (!sinks) return softmax(masked);
  const sink: Tensor4D = tile(reshape(sinks, [1, h, 1, 1]), [b, 1, l, 1]);
  return slice(softmax(concat([masked, sink], 3)), [0, 0, 0, 0], [b, h, l, s]);
}

/** Multiplies `[B, H, L, S] · [B, G, S, Dv]` to `[B, H, L, Dv]`. */
function weighValues(p: Tensor4D, v: Tensor4D): Tensor4D {
  const [b, h, l, s] = p.shape;
  const [, g, , d] = v.shape;
  return reshape(matMul(reshape(p, [b, g, (h / g) * l, s]), v), [b, h, l, d]);
}

/** Merges heads: `[B, H, L, D]` to `[B, L, H·D]`. */
function mergeHeads(x: Tensor4D): Tensor3D {
  const [b, h, l, d] = x.shape;
  return reshape(l === 1 ? x : transpose(x, [0, 2, 1, 3]), [b, l, h * d]);
}

function checkShapes(q: Tensor4D, k: Tensor4D, v: Tensor4D, mask: AttentionMask, sinks?: Tensor1D): void {
  const [b, h, l, d] = q.shape;
  const [kb, g, s, kd] = k.shape;
  const fits =
    kb === b &&
    kd === d &&
    h % g === 0 &&
    sameShape(v.shape.slice(0, 3), [b, g, s]) &&
    mask.queries === l &&
    mask.keys === s;
  const rows = mask.keyPadding?.rows ?? mask.documentIds?.rows ?? b;
  if (!fits || rows !== b)
    throw new OpsError({
      where: "attention",
      expected: `queries [B, H, L, D], keys [B, G, S, D] and values [B, G, S, Dv] with H a multiple of G, and a mask of B × L × S`,
      got: `[${q.shape}], [${k.shape}], [${v.shape}] and ${rows} × ${mask.queries} × ${mask.keys}`,
    });
  if (sinks && !sameShape(sinks.shape, [h]))
    throw new OpsError({ where: "attention: sinks", expected: `[${h}], one of each head`, got: `[${sinks.shape}]` });
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeAttention: FusedKernel<AttentionInputs, AttentionAttributes>;
  }
}
