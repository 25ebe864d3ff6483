import type { DecoderConfig } from "@mixtape/config";
import { perHeadLinear, perHeadTransposedLinear, type RotaryTables, reshape, rotary, splitHeads } from "@mixtape/ops";
import { concat, fill, slice, type Tensor3D, type Tensor4D, tile, transpose } from "@tensorflow/tfjs-core";
import { type AttendInputs, attendHeads, type Heads } from "./attention.js";
import { KeyValueCache } from "./caches/key-value-cache.js";
import type { LayerCacheOptions } from "./caches/layer-cache.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";
import { RMSNorm } from "./rms-norm.js";
import type { MixerContext, TokenMixer } from "./token-mixer.js";

/** Part of a config that multi-head latent attention uses. */
export interface LatentAttentionConfig
  extends Pick<DecoderConfig, "hiddenSize" | "numAttentionHeads" | "attentionBias" | "attentionDropout"> {
  /** Rank of the query latents; null for queries computed from the hidden states directly. */
  readonly qLoraRank: number | null;
  /** R: rank of the key and value latents. */
  readonly kvLoraRank: number;
  /** Dn: width per head of queries and keys without rotary positions. */
  readonly qkNopeHeadDim: number;
  /** Dr: width per head of queries, and of the key that all heads share, with rotary positions. */
  readonly qkRopeHeadDim: number;
  /** Dv: width of values per head. */
  readonly vHeadDim: number;
  /** Whether rotary pairs are adjacent features, instead of features of the two halves. */
  readonly ropeInterleave: boolean;
}

/** Queries `[B, H, L, …]` in two parts: without rotary positions, and to be rotated. */
export type SplitHeads = readonly [nope: Tensor4D, rope: Tensor4D];

/** ε of the norms of latents, a constant in the reference. */
const LATENT_NORM_EPS = 1e-6;

/**
 * Multi-head latent attention (DeepSeek-V2, https://arxiv.org/abs/2405.04434, section 2.1). Keys and values are
 * computed from one latent of R numbers per token, and one rotated key of Dr numbers is shared by all heads: the cache
 * keeps only these `R + Dr` numbers.
 *
 * There are two ways to compute it, which agree up to rounding:
 * - expanded: `kvBProj`, `[W_k; W_v]` in each head, projects the latents to keys and values of each head. For training,
 *   and for a prompt.
 * - absorbed: queries are multiplied by W_k and attend to the latents themselves, and the result is multiplied by W_v.
 *   For tokens that continue a cache; only the latents of the cache are read.
 *
 * A wrapper of `kvBProj`, such as LoRA, rules out the absorbed form. A variant overrides `rotate` and `attend`, or its
 * `scale` and `window`.
 *
 * Shapes: B batch, L new tokens, S tokens attended to, M hidden, H heads; R, Dn, Dr and Dv as in {@link
 * LatentAttentionConfig}.
 */
export class LatentAttention<C extends LatentAttentionConfig = LatentAttentionConfig>
  extends Module
  implements TokenMixer
{
  protected readonly config: C;
  protected readonly layer: number;
  /** `[H·(Dn + Dr), M]`, if queries have no latents. */
  readonly qProj: Linear | null;
  readonly qAProj: Linear | null;
  readonly qALayernorm: RMSNorm | null;
  /** `[H·(Dn + Dr), qLoraRank]` */
  readonly qBProj: Linear | null;
  /** `[R + Dr, M]`: projects to a latent, and to the key to be rotated. */
  readonly kvAProjWithMqa: Linear;
  readonly kvALayernorm: RMSNorm;
  /** `[H·(Dn + Dv), R]` */
  readonly kvBProj: Linear;
  /** `[M, H·Dv]` */
  readonly oProj: Linear;

  constructor(config: C, layer: number) {
    super();
    this.config = config;
    this.layer = layer;
    const { hiddenSize: m, numAttentionHeads: h, attentionBias: bias, qLoraRank, kvLoraRank: r } = config;
    const { qkNopeHeadDim: dn, qkRopeHeadDim: dr, vHeadDim: dv } = config;
    this.qProj = qLoraRank === null ? new Linear(m, h * (dn + dr)) : null;
    this.qAProj = qLoraRank === null ? null : new Linear(m, qLoraRank, { bias });
    this.qALayernorm = qLoraRank === null ? null : new RMSNorm(qLoraRank, LATENT_NORM_EPS);
    this.qBProj = qLoraRank === null ? null : new Linear(qLoraRank, h * (dn + dr));
    this.kvAProjWithMqa = new Linear(m, r + dr, { bias });
    this.kvALayernorm = new RMSNorm(r, LATENT_NORM_EPS);
    this.kvBProj = new Linear(r, h * (dn + dv));
    this.oProj = new Linear(h * dv, m, { bias });
  }

  /** Creates a cache of `R + Dr` numbers per token. */
  createCache(options: LayerCacheOptions = {}): KeyValueCache {
    return new KeyValueCache({ ...options, window: this.window, sharedWidth: this.config.kvLoraRank });
  }

  /** @param x `[B, L, M]` @returns `[B, L, M]` */
  forward(x: Tensor3D, context: MixerContext): Tensor3D {
    const [nope, newRope] = this.projectQueries(x);
    const [latents, newKey] = this.projectLatents(x);
    const [rope, key] = this.rotate([newRope, newKey], context.rope);
    const added = concat([latents, key], 3);
    const cache = context.cache as KeyValueCache | undefined;
    const hasPast = cache !== undefined && cache.keyLength > 0;
    const kept = cache?.append(added);
    // Of int8, the first tokens attend to what later ones will: a text has the same logits in one pass and in several.
    const seen = kept && (hasPast || cache?.kvCacheDtype === "int8") ? kept : { keys: added, values: latents };
    const attended =
      hasPast && this.kvBProj.canFuse
        ? this.#attendToLatents([nope, rope], seen, context)
        : this.#attendExpanded([nope, rope], seen, context);
    return this.oProj.forward(attended);
  }

  /** Maximum number of positions that a token attends to, its own included; null for all. Default: null. */
  protected get window(): number | null {
    return null;
  }

  /** Factor of the scores. Default: `(Dn + Dr)^-½`. */
  protected get scale(): number {
    return (this.config.qkNopeHeadDim + this.config.qkRopeHeadDim) ** -0.5;
  }

  /** Projects tokens to queries. @param x `[B, L, M]` @returns `[B, H, L, Dn]` and `[B, H, L, Dr]` */
  protected projectQueries(x: Tensor3D): SplitHeads {
    const { qkNopeHeadDim: dn, qkRopeHeadDim: dr } = this.config;
    const { qProj, qAProj, qALayernorm, qBProj } = this;
    const flat = qProj ? qProj.forward(x) : qBProj!.forward(qALayernorm!.forward(qAProj!.forward(x)));
    return cut(splitHeads(flat, dn + dr), dn);
  }

  /** Projects tokens to latents, and to the key to be rotated. @returns `[B, 1, L, R]` and `[B, 1, L, Dr]` */
  protected projectLatents(x: Tensor3D): SplitHeads {
    const { kvLoraRank: r, qkRopeHeadDim: dr } = this.config;
    const [latents, key] = cut(splitHeads(this.kvAProjWithMqa.forward(x), r + dr), r);
    return [this.kvALayernorm.forward(latents), key];
  }

  /** Rotates the queries' second part `[B, H, L, Dr]` and the key `[B, 1, L, Dr]` by their positions. */
  protected rotate([q, k]: Heads, rope: RotaryTables): Heads {
    const options = { interleaved: this.config.ropeInterleave };
    return [rotary(q, rope, options), rotary(k, rope, options)];
  }

  /** Computes attention: with H heads of keys or, absorbed, with one. @returns `[B, L, H·…]`, the heads merged */
  protected attend(inputs: AttendInputs, context: MixerContext): Tensor3D {
    return attendHeads(inputs, { scale: this.scale, dropout: this.config.attentionDropout }, context);
  }

  #attendExpanded([nope, rope]: SplitHeads, seen: Latents, context: MixerContext): Tensor3D {
    const { qkNopeHeadDim: dn, vHeadDim: dv, kvLoraRank: r } = this.config;
    const [b, h] = nope.shape;
    const s = seen.keys.shape[2];
    const [, sharedKey] = cut(seen.keys, r);
    const expanded = this.kvBProj.forward(reshape(seen.values, [b, s, r]) as Tensor3D);
    const [keys, values] = cut(splitHeads(expanded, dn + dv), dn);
    const ofEachHead: Tensor4D = tile(sharedKey, [1, h, 1, 1]);
    const mask = context.masks.of(s, this.window);
    const heads = { queries: concat([nope, rope], 3), keys: concat([keys, ofEachHead], 3), values, mask };
    return this.attend(heads, context);
  }

  #attendToLatents([nope, rope]: SplitHeads, { keys, values }: Latents, context: MixerContext): Tensor3D {
    const { qkNopeHeadDim: dn, vHeadDim: dv, kvLoraRank: r } = this.config;
    const [b, h, l] = nope.shape;
    const kvB = this.kvBProj.weight.weight;
    // The rows of W_k and W_v are adjacent in each head: zeros for those of W_v avoid slicing the weight.
    const padded = concat([headsFirst(nope), fill([h, b * l, dv], 0)], 2) as Tensor3D;
    const absorbed = headsSecond(perHeadTransposedLinear(padded, kvB), b);
    const mask = context.masks.of(keys.shape[2], this.window);
    const attended = this.attend({ queries: concat([absorbed, rope], 3), keys, values, mask }, context);
    const latents: Tensor3D = swapFirst(reshape(attended, [b * l, h, r]));
    const outputs = slice(perHeadLinear(latents, kvB), [0, 0, dn], [h, b * l, dv]);
    return reshape(swapFirst(outputs), [b, l, h * dv]);
  }
}

/** Latents with their rotated keys, `[B, 1, S, R + Dr]`, and the latents alone, `[B, 1, S, R]`. */
interface Latents {
  readonly keys: Tensor4D;
  readonly values: Tensor4D;
}

/** Splits the last axis into its first `width` numbers and the others. */
function cut(x: Tensor4D, width: number): SplitHeads {
  const [b, h, l, d] = x.shape;
  return [slice(x, [0, 0, 0, 0], [b, h, l, width]), slice(x, [0, 0, 0, width], [b, h, l, d - width])];
}

/** `[B, H, L, D]` to `[H, B·L, D]` */
function headsFirst(x: Tensor4D): Tensor3D {
  const [b, h, l, d] = x.shape;
  return reshape(b === 1 ? x : transpose(x, [1, 0, 2, 3]), [h, b * l, d]);
}

/** `[H, B·L, D]` to `[B, H, L, D]` */
function headsSecond(x: Tensor3D, b: number): Tensor4D {
  const [h, rows, d] = x.shape;
  const l = rows / b;
  return b === 1 ? reshape(x, [b, h, l, d]) : transpose(reshape(x, [h, b, l, d]), [1, 0, 2, 3]);
}

/** `[N, H, D]` to `[H, N, D]`, and back. */
function swapFirst(x: Tensor3D): Tensor3D {
  const [a, b, d] = x.shape;
  return a === 1 || b === 1 ? reshape(x, [b, a, d]) : transpose(x, [1, 0, 2]);
}
