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

/** What a layer may know of the forward pass: what its token mixer and its feed-forward are given. */
export type LayerContext = MixerContext & FeedForwardContext;

/** What stands around the forward pass of a layer: see {@link Around}. It sees what the layer is given. */
export type LayerForwardHook = (x: Tensor3D, context: LayerContext, forward: (x: Tensor3D) => Tensor3D) => Tensor3D;

/**
 * A layer of the stack: a token mixer, then a feed-forward, each added to the residual stream. Subclasses say where the norms
 * are; families say, in `build…`, of what parts it is made.
 *
 * The `build…` hooks run in the constructor of the base class, before fields of a subclass exist: they must not read `this`.
 */
export abstract class DecoderLayer<C extends DecoderConfig = DecoderConfig> extends Module {
  /** Attention in most layers, after which the field is named as in checkpoints. */
  readonly selfAttn: TokenMixer;
  readonly mlp: FeedForward;
  /** What stands around `forward` where a model runs the layer; nothing where null. */
  wrapForward: LayerForwardHook | null = null;

  constructor(config: C, layer: number) {
    super();
    this.selfAttn = this.buildMixer(config, layer);
    this.mlp = this.buildFeedForward(config, layer);
  }

  /** @param x `[B, L, M]` @returns `[B, L, M]` */
  abstract forward(x: Tensor3D, context: LayerContext): Tensor3D;

  /** Builds a norm of the residual stream: those of the layer, and the one after the last layer. */
  buildNorm(config: C): Norm {
    return new RMSNorm(config.hiddenSize, config.rmsNormEps);
  }

  buildMixer(config: C, layer: number): TokenMixer {
    return new Attention(config, layer);
  }

  /** Builds the feed-forward: a mixture of experts or a dense one, as the config says of the layer. */
  buildFeedForward(config: C, layer: number): FeedForward {
    return config.mlpLayerTypes[layer] === "sparse" ? this.buildMoe(config, layer) : this.buildMlp(config, layer);
  }

  /** Builds the mixture of experts of a layer that the config calls sparse. */
  abstract buildMoe(config: C, layer: number): FeedForward;

  /** Builds the feed-forward of a layer that the config calls dense. */
  buildMlp(config: C, _layer: number): FeedForward {
    return new GatedMlp(config, config.intermediateSize);
  }
}

/** A class of decoder layers. */
export type LayerClass<C extends DecoderConfig> = new (config: C, layer: number) => DecoderLayer;
