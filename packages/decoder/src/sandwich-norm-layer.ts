import type { DecoderConfig } from "@mixtape/config";
import { RMSNorm } from "@mixtape/layers";
import type { Tensor3D } from "@tensorflow/tfjs-core";
import { DecoderLayer, type LayerContext } from "./decoder-layer.js";

/** Norms before and after both parts, as in AFMoE: `x += norm(attn(norm(x))); x += norm(mlp(norm(x)))`. */
export abstract class SandwichNormDecoderLayer<C extends DecoderConfig = DecoderConfig> extends DecoderLayer<C> {
  readonly inputLayernorm: RMSNorm;
  readonly postAttentionLayernorm: RMSNorm;
  readonly preMlpLayernorm: RMSNorm;
  readonly postMlpLayernorm: RMSNorm;

  constructor(config: C, layer: number) {
    super(config, layer);
    const norm = (): RMSNorm => new RMSNorm(config.hiddenSize, config.rmsNormEps);
    this.inputLayernorm = norm();
    this.postAttentionLayernorm = norm();
    this.preMlpLayernorm = norm();
    this.postMlpLayernorm = norm();
  }

  override forward(x: Tensor3D, context: LayerContext): Tensor3D {
    const attended = this.selfAttn.forward(this.inputLayernorm.forward(x), context);
    const mixed = this.postAttentionLayernorm.forward(attended, x);
    const fed = this.mlp.forward(this.preMlpLayernorm.forward(mixed), context);
    return this.postMlpLayernorm.forward(fed, mixed);
  }
}
