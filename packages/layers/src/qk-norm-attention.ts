import { Attention, type AttentionConfig, type Heads } from "./attention.js";
import { RMSNorm } from "./rms-norm.js";

/** Attention with queries and keys normalised per head (Henry et al. 2020, https://arxiv.org/abs/2010.04245). */
export class QKNormAttention<C extends AttentionConfig = AttentionConfig> extends Attention<C> {
  readonly qNorm: RMSNorm;
  readonly kNorm: RMSNorm;

  constructor(config: C, layer: number) {
    super(config, layer);
    this.qNorm = new RMSNorm(config.headDim, config.rmsNormEps);
    this.kNorm = new RMSNorm(config.headDim, config.rmsNormEps);
  }

  protected override normalizeHeads([q, k]: Heads): Heads {
    return [this.qNorm.forward(q), this.kNorm.forward(k)];
  }
}
