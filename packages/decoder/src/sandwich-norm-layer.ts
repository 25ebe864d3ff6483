import type { DecoderConfig } from "@mixtape/config";
import type { Norm } from "@mixtape/layers";
import type { Tensor3D } from "@tensorflow/tfjs-core";
import { DecoderLayer, type LayerContext } from "./decoder-layer.js";

/** Norms before and after both parts, as in AFMoE: `x += norm(attn(norm(x))); x += norm(mlp(norm(x)))`. */
export abstract class SandwichNormDecoderLayer<C extends DecoderConfig = DecoderConfig> extends DecoderLayer<C> {
  readonly inputLayernorm: Norm;
  readonly postAttentionLayernorm: Norm;
  readonly preMlpLayernorm: Norm;
  readonly postMlpLayernorm: Norm;

  constructor(config: C, layer: number) {
    super(config, layer);
    this.inputLayernorm = this.buildNorm(config);
    this.postAttentionLayernorm = this.buildNorm(config);
    this.preMlpLayernorm = this.buildNorm(config);
    this.postMlpLayernorm = this.buildNorm(config);
  }

  override forward(x: Tensor3D, context: LayerContext): Tensor3D {
    const attended = this.selfAttn.forward(this.inputLayernorm.forward(x), context);
    const mixed = this.postAttentionLayernorm.forward(attended, x);
    const fed = this.mlp.forward(this.preMlpLayernorm.forward(mixed), context);
    return this.postMlpLayernorm.forward(fed, mixed);
  }
}
