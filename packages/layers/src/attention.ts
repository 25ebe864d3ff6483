import type { DecoderConfig } from "@mixtape/config";
import {
  type AttentionMask,
  attention,
  attentionWithProbabilities,
  type HeadProjection,
  projectHeads,
  type RotaryTables,
  rotary,
  splitHeads,
} from "@mixtape/ops";
import type { Tensor3D, Tensor4D } from "@tensorflow/tfjs-core";
import type { KVCache } from "./kv-cache.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";

/** The part of a config that attention needs. */
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
>;

/** What all attention layers of one forward pass share. */
export interface AttentionContext {
  readonly rope: RotaryTables;
  /** The mask of this layer. */
  readonly mask: AttentionMask;
  readonly cache?: KVCache | undefined;
  /** Takes the attention probabilities `[B, H, L, S]` where someone wants to see them; it costs the fused kernel. */
  readonly onProbabilities?: ((probabilities: Tensor4D) => void) | undefined;
}

/** Queries `[B, H, L, D]` and keys `[B, G, L, D]`. */
export type Heads = readonly [queries: Tensor4D, keys: Tensor4D];

/**
 * Grouped-query attention with rotary positions. `forward` is the template; a variant overrides the hooks `normalizeHeads`,
 * `rotate` and `gateOutput`.
 *
 * Shapes: B batch, L new tokens, S tokens attended to, M hidden, H heads, G key and value heads, D head dimension.
 */
export class Attention<C extends AttentionConfig = AttentionConfig> extends Module {
  protected readonly config: C;
  protected readonly layer: number;
  readonly qProj: Linear;
  readonly kProj: Linear;
  readonly vProj: Linear;
  readonly oProj: Linear;

  /** @param options.outputBias whether `oProj` has a bias; as `attentionBias` says where absent. */
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

  /** @param x `[B, L, M]` @returns `[B, L, M]` */
  forward(x: Tensor3D, { rope, mask, cache, onProbabilities }: AttentionContext): Tensor3D {
    const [queries, newKeys, newValues] = this.#project(x);
    const [q, k] = this.rotate(this.normalizeHeads([queries, newKeys]), rope);
    const { keys, values } = cache ? cache.append(this.layer, k, newValues) : { keys: k, values: newValues };
    const scale = this.config.headDim ** -0.5;
    const options = { dropout: this.config.attentionDropout };
    if (!onProbabilities)
      return this.oProj.forward(this.gateOutput(attention(q, keys, values, mask, scale, options), x));
    const { output, probabilities } = attentionWithProbabilities(q, keys, values, mask, scale, options);
    onProbabilities(probabilities);
    return this.oProj.forward(this.gateOutput(output, x));
  }

  /** What happens to queries and keys, head by head, before they are rotated. Nothing here. */
  protected normalizeHeads(heads: Heads): Heads {
    return heads;
  }

  /** Turns queries and keys by their positions. */
  protected rotate([q, k]: Heads, rope: RotaryTables): Heads {
    return [rotary(q, rope), rotary(k, rope)];
  }

  /**
   * What happens to the merged heads before the output projection. Nothing here.
   * @param out `[B, L, H·D]` @param _x the layer's input `[B, L, M]` @returns `[B, L, H·D]`
   */
  protected gateOutput(out: Tensor3D, _x: Tensor3D): Tensor3D {
    return out;
  }

  /** Queries, keys and values. @param x `[B, L, M]` @returns `[B, H, L, D]`, `[B, G, L, D]` and `[B, G, L, D]` */
  #project(x: Tensor3D): readonly [Tensor4D, Tensor4D, Tensor4D] {
    const { headDim } = this.config;
    const [q, k, v] = [this.qProj, this.kProj, this.vProj];
    if (q.isPlain && k.isPlain && v.isPlain)
      return projectHeads(x, { q: projectionOf(q), k: projectionOf(k), v: projectionOf(v) }, headDim);
    const project = (projection: Linear): Tensor4D => splitHeads(projection.forward(x), headDim);
    return [project(q), project(k), project(v)];
  }
}

function projectionOf({ weight, bias }: Linear): HeadProjection {
  return { weight: weight.weight, bias: bias?.vector };
}
