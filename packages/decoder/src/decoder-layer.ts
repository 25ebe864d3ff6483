import type { DecoderConfig } from "@mixtape/config";
import {
  Attention,
  type AttentionContext,
  type FeedForward,
  type FeedForwardContext,
  GatedMlp,
  Module,
} from "@mixtape/layers";
import type { Tensor3D } from "@tensorflow/tfjs-core";

/** What a layer may know of the forward pass: what its attention and its feed-forward are given. */
export type LayerContext = AttentionContext & FeedForwardContext;

/** What stands around the forward pass of a layer: see {@link Around}. It sees what the layer is given. */
export type AroundLayer = (x: Tensor3D, context: LayerContext, forward: (x: Tensor3D) => Tensor3D) => Tensor3D;

/**
 * A layer of the stack: attention, then a feed-forward, each added to the residual stream. Subclasses say where the norms are;
 * families say, in `build…`, of what parts it is made.
 *
 * The `build…` hooks run in the constructor of the base class, before fields of a subclass exist: they must not read `this`.
 */
export abstract class DecoderLayer<C extends DecoderConfig = DecoderConfig> extends Module {
  readonly selfAttn: Attention;
  readonly mlp: FeedForward;
  /** What stands around `forward` where a model runs the layer; nothing where null. */
  around: AroundLayer | null = null;

  constructor(config: C, layer: number) {
    super();
    this.selfAttn = this.buildAttention(config, layer);
    this.mlp = config.mlpLayerTypes[layer] === "sparse" ? this.buildMoe(config, layer) : this.buildMlp(config, layer);
  }

  /** @param x `[B, L, M]` @returns `[B, L, M]` */
  abstract forward(x: Tensor3D, context: LayerContext): Tensor3D;

  /** The mixture of experts of a layer that the config calls sparse. */
  protected abstract buildMoe(config: C, layer: number): FeedForward;

  protected buildAttention(config: C, layer: number): Attention {
    return new Attention(config, layer);
  }

  /** The feed-forward of a layer that the config calls dense. */
  protected buildMlp(config: C, _layer: number): FeedForward {
    return new GatedMlp(config, config.intermediateSize);
  }
}
