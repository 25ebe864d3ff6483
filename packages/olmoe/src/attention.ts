import { Attention, type ProjectedHeads, RMSNorm } from "@mixtape/layers";
import { splitHeads } from "@mixtape/ops";
import { maximum, minimum, type Tensor3D } from "@tensorflow/tfjs-core";
import type { OlmoeConfig } from "./config.js";

/** Attention that normalises queries and keys over all heads together, and clamps queries, keys and values. */
export class OlmoeAttention<C extends OlmoeConfig = OlmoeConfig> extends Attention<C> {
  /** `[H·D]` */
  readonly qNorm: RMSNorm;
  /** `[G·D]` */
  readonly kNorm: RMSNorm;

  constructor(config: C, layer: number) {
    super(config, layer);
    this.qNorm = new RMSNorm(config.numAttentionHeads * config.headDim, config.rmsNormEps);
    this.kNorm = new RMSNorm(config.numKeyValueHeads * config.headDim, config.rmsNormEps);
  }

  protected override project(x: Tensor3D): ProjectedHeads {
    const { headDim, clipQkv } = this.config;
    const heads = (rows: Tensor3D) => splitHeads(clipQkv === null ? rows : clamp(rows, clipQkv), headDim);
    return [
      heads(this.qNorm.forward(this.qProj.forward(x))),
      heads(this.kNorm.forward(this.kProj.forward(x))),
      heads(this.vProj.forward(x)),
    ];
  }
}

/** Clamps; the gradient is 1 at the bounds, as in torch's `clamp`. */
function clamp(x: Tensor3D, bound: number): Tensor3D {
  return minimum(maximum(x, -bound), bound);
}
