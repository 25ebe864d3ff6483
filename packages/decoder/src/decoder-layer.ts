import type { DecoderConfig } from "@mixtape/config";
import { Attention, type AttentionContext, GatedMlp, Module, type OnRouterLogits } from "@mixtape/layers";
import type { Tensor3D } from "@tensorflow/tfjs-core";

/** What mixes the features of each token: a dense MLP or a mixture of experts. */
export interface FeedForward extends Module {
  forward(x: Tensor3D, onRouterLogits?: OnRouterLogits): Tensor3D;
}

/** What all layers of one forward pass share. */
export interface LayerContext extends AttentionContext {
  /** Takes the router logits `[T, E]` of an MoE layer where someone wants to see them. */
  readonly onRouterLogits?: OnRouterLogits | undefined;
}

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
