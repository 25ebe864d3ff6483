import type { DecoderConfig } from "@mixtape/config";
import {
  Attention,
  type FeedForward,
  type FeedForwardContext,
  GatedMlp,
  type MixerContext,
  Module,
  type Norm,
  RMSNorm,
  type TokenMixer,
} from "@mixtape/layers";
import type { Tensor3D } from "@tensorflow/tfjs-core";

/** Context of a layer: the contexts of its token mixer and its feed-forward. */
export type LayerContext = MixerContext & FeedForwardContext;

/** Wraps the forward pass of a layer, with the layer's context. */
export type LayerForwardHook = (x: Tensor3D, context: LayerContext, forward: (x: Tensor3D) => Tensor3D) => Tensor3D;

/**
 * A decoder layer: a token mixer, then a feed-forward, each added to the residual stream. Subclasses place the norms;
 * families choose the parts in `build…`.
 *
 * The `build…` hooks run in the constructor of the base class, before fields of a subclass exist: they must not read
 * `this`.
 */
export abstract class DecoderLayer<C extends DecoderConfig = DecoderConfig> extends Module {
  /** Token mixer. Named after attention, which it is in most layers, as in checkpoints. */
  readonly selfAttn: TokenMixer;
  readonly mlp: FeedForward;
  /** Wraps `forward` when a model runs the layer; null for no wrapper. */
  wrapForward: LayerForwardHook | null = null;

  constructor(config: C, layer: number) {
    super();
    this.selfAttn = this.buildMixer(config, layer);
    this.mlp = this.buildFeedForward(config, layer);
  }

  /** @param x `[B, L, M]` @returns `[B, L, M]` */
  abstract forward(x: Tensor3D, context: LayerContext): Tensor3D;

  /** Builds a norm of the residual stream: the layer's norms, and the one after the last layer. */
  buildNorm(config: C): Norm {
    return new RMSNorm(config.hiddenSize, config.rmsNormEps);
  }

  buildMixer(config: C, layer: number): TokenMixer {
    return new Attention(config, layer);
  }

  /** Builds the feed-forward: a mixture of experts or a dense one, by the config's type of the layer. */
  buildFeedForward(config: C, layer: number): FeedForward {
    return config.mlpLayerTypes[layer] === "sparse" ? this.buildMoe(config, layer) : this.buildMlp(config, layer);
  }

  /** Builds the mixture of experts of a sparse layer. */
  abstract buildMoe(config: C, layer: number): FeedForward;

  /** Builds the feed-forward of a dense layer. */
  buildMlp(config: C, _layer: number): FeedForward {
    return new GatedMlp(config, config.intermediateSize);
  }
}

/** A class of decoder layers. */
export type LayerClass<C extends DecoderConfig> = new (config: C, layer: number) => DecoderLayer;
