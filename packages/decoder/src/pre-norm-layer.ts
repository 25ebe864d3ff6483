import type { DecoderConfig } from "@mixtape/config";
import type { Norm } from "@mixtape/layers";
import { add, type Tensor3D } from "@tensorflow/tfjs-core";
import { DecoderLayer, type LayerContext } from "./decoder-layer.js";

/** Norms before attention and before the feed-forward, as in Llama: `x += attn(norm(x)); x += mlp(norm(x))`. */
export abstract class PreNormDecoderLayer<C extends DecoderConfig = DecoderConfig> extends DecoderLayer<C> {
  readonly inputLayernorm: Norm;
  readonly postAttentionLayernorm: Norm;

  constructor(config: C, layer: number) {
    super(config, layer);
    this.inputLayernorm = this.buildNorm(config);
    this.postAttentionLayernorm = this.buildNorm(config);
  }

  override forward(x: Tensor3D, context: LayerContext): Tensor3D {
    const mixed = add<Tensor3D>(x, this.selfAttn.forward(this.inputLayernorm.forward(x), context));
    return add(mixed, this.mlp.forward(this.postAttentionLayernorm.forward(mixed), context));
  }
}
