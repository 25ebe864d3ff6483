import type { DecoderConfig } from "@mixtape/config";
import {
  type AttentionMask,
  type AttentionOptions,
  attention,
  attentionWithProbabilities,
  type HeadProjection,
  projectHeads,
  type RotaryTables,
  rotary,
  splitHeads,
} from "@mixtape/ops";
import type { Tensor1D, Tensor3D, Tensor4D } from "@tensorflow/tfjs-core";
import { KeyValueCache } from "./caches/key-value-cache.js";
import type { LayerCacheOptions } from "./caches/layer-cache.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";
import type { MixerContext, TokenMixer } from "./token-mixer.js";

/** Part of a config that attention uses. */
export type AttentionConfig = Pick<
  DecoderConfig,
  | "hiddenSize"
  | "numAttentionHeads"
  | "numKeyValueHeads"
  | "headDim"
  | "attentionBias"
  | "attentionDropout"
  | "rmsNormEps"
  | "layerTypes"
  | "slidingWindow"
>;

/** Queries `[B, H, L, D]` and keys `[B, G, L, D]`. */
export type Heads = readonly [queries: Tensor4D, keys: Tensor4D];

/** Queries, keys and values of new tokens: `[B, H, L, D]`, `[B, G, L, D]` and `[B, G, L, Dv]`. */
export type ProjectedHeads = readonly [queries: Tensor4D, keys: Tensor4D, values: Tensor4D];

/**
 * Inputs of attention: queries `[B, H, L, D]` of the new tokens, keys `[B, G, S, D]` and values `[B, G, S, Dv]` of all.
 */
export interface AttendInputs {
  readonly queries: Tensor4D;
  readonly keys: Tensor4D;
  readonly values: Tensor4D;
  readonly mask: AttentionMask;
}

/**
 * Grouped-query attention with rotary positions. `forward` is the template; a variant overrides the hooks `project`,
 * `normalizeHeads`, `rotate`, `attend` and `gateOutput`, or its `scale`, `sinks` and `window`.
 *
 * Shapes: B batch, L new tokens, S tokens attended to, M hidden, H heads, G key and value heads, D head dimension, Dv
 * width of values.
 */
export class Attention<C extends AttentionConfig = AttentionConfig> extends Module implements TokenMixer {
  protected readonly config: C;
  protected readonly layer: number;
  readonly qProj: Linear;
  readonly kProj: Linear;
  readonly vProj: Linear;
  readonly oProj: Linear;

  /** @param options.outputBias whether `oProj` has a bias. Default: `attentionBias` of the config. */
  constructor(config: C, layer: number, { outputBias = config.attentionBias } = {}) {
    super();
    this.config = config;
    this.layer = layer;
    const { hiddenSize, numAttentionHeads, numKeyValueHeads, headDim, attentionBias: bias } = config;
    this.qProj = new Linear(hiddenSize, numAttentionHeads * headDim, { bias });
    this.kProj = new Linear(hiddenSize, numKeyValueHeads * headDim, { bias });
    this.vProj = new Linear(hiddenSize, numKeyValueHeads * headDim, { bias });
    this.oProj = new Linear(numAttentionHeads * headDim, hiddenSize, { bias: outputBias });
  }

  createCache(options: LayerCacheOptions = {}): KeyValueCache {
    return new KeyValueCache({ ...options, window: this.window });
  }

  /** @param x `[B, L, M]` @returns `[B, L, M]` */
  forward(x: Tensor3D, context: MixerContext): Tensor3D {
    const [newQueries, newKeys, newValues] = this.project(x);
    const [queries, k] = this.rotate(this.normalizeHeads([newQueries, newKeys]), context.rope);
    const cache = context.cache as KeyValueCache | undefined;
    const { keys, values } = cache ? cache.append(k, newValues) : { keys: k, values: newValues };
    const mask = context.masks.of(keys.shape[2], this.window);
    const attended = this.attend({ queries, keys, values, mask }, context);
    return this.oProj.forward(this.gateOutput(attended, x));
  }

  /**
   * Maximum number of positions that a token attends to, its own included; null for all. Default: by the config's layer
   * types.
   */
  protected get window(): number | null {
    return this.config.layerTypes[this.layer] === "sliding_attention" ? this.config.slidingWindow : null;
  }

  /** Factor of the scores. Default: `D^-½`. */
  protected get scale(): number {
    return this.config.headDim ** -0.5;
  }

  /** `[H]`: a score per head that takes part in its softmax and has no value. Default: none. */
  protected get sinks(): Tensor1D | undefined {
    return undefined;
  }

  /** Projects tokens to queries, keys and values. @param x `[B, L, M]` */
  protected project(x: Tensor3D): ProjectedHeads {
    const { headDim } = this.config;
    const [q, k, v] = [this.qProj, this.kProj, this.vProj];
    if (q.canFuse && k.canFuse && v.canFuse)
      return projectHeads(x, { q: projectionOf(q), k: projectionOf(k), v: projectionOf(v) }, headDim);
    const project = (projection: Linear): Tensor4D => splitHeads(projection.forward(x), headDim);
    return [project(q), project(k), project(v)];
  }

  /** Normalises queries and keys per head, before they are rotated. No-op by default. */
  protected normalizeHeads(heads: Heads): Heads {
    return heads;
  }

  /** Rotates queries and keys by their positions. */
  protected rotate([q, k]: Heads, rope: RotaryTables): Heads {
    return [rotary(q, rope), rotary(k, rope)];
  }

  /** Attends. @returns `[B, L, H·Dv]`, the heads merged */
  protected attend(inputs: AttendInputs, context: MixerContext): Tensor3D {
    const { scale, sinks } = this;
    return attendHeads(inputs, { scale, sinks, dropout: this.config.attentionDropout }, context);
  }

  /**
   * Gates the merged heads before the output projection. No-op by default.
   * @param out `[B, L, H·Dv]` @param _x the layer's input `[B, L, M]` @returns `[B, L, H·Dv]`
   */
  protected gateOutput(out: Tensor3D, _x: Tensor3D): Tensor3D {
    return out;
  }
}

function projectionOf({ weight, bias }: Linear): HeadProjection {
  return { weight: weight.weight, bias: bias?.vector };
}

/** Computes attention, and passes on the probabilities if requested. @returns `[B, L, H·Dv]`, the heads merged */
export function attendHeads(
  { queries, keys, values, mask }: AttendInputs,
  { scale, ...options }: AttentionOptions & { readonly scale: number },
  { onProbabilities }: Pick<MixerContext, "onProbabilities">,
): Tensor3D {
  if (!onProbabilities) return attention(queries, keys, values, mask, scale, options);
  const { output, probabilities } = attentionWithProbabilities(queries, keys, values, mask, scale, options);
  onProbabilities(probabilities);
  return output;
}
