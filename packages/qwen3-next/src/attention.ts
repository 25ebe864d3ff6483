import { Linear, QKNormAttention } from "@mixtape/layers";
import { gate, sigmoid } from "@mixtape/ops";
import type { Tensor3D } from "@tensorflow/tfjs-core";
import type { Qwen3NextConfig } from "./config.js";

/** QK-norm, and a sigmoid gate on the output of the heads (Qiu et al. 2025, https://arxiv.org/abs/2505.06708). */
export class Qwen3NextAttention<C extends Qwen3NextConfig = Qwen3NextConfig> extends QKNormAttention<C> {
  /** `[H·D, M]`; on disk its rows are in `q_proj`, after those of each head's query. */
  readonly gateProj: Linear = new Linear(this.config.hiddenSize, this.config.numAttentionHeads * this.config.headDim, {
    bias: this.config.attentionBias,
  });

  protected override gateOutput(out: Tensor3D, x: Tensor3D): Tensor3D {
    return gate(this.gateProj.forward(x), out, sigmoid);
  }
}
