import { extendFamily, ForCausalLM } from "@mixtape/decoder";
import { type RoutingContext, SoftmaxRouter } from "@mixtape/layers";
import { type MixtralConfig, MixtralDecoderLayer, mixtral } from "@mixtape/mixtral";
import { currentRng } from "@mixtape/ops";
import { add, type Tensor2D } from "@tensorflow/tfjs-core";

class NoisyRouter extends SoftmaxRouter<MixtralConfig> {
  protected override gateLogits(x: Tensor2D, context: RoutingContext): Tensor2D {
    const logits = super.gateLogits(x, context);
    const noise = currentRng()?.normal(logits.shape) as Tensor2D | undefined;
    return noise ? add(logits, noise) : logits;
  }
}

class NoisyMixtralLayer extends MixtralDecoderLayer {
  protected override buildRouter(config: MixtralConfig): NoisyRouter {
    return new NoisyRouter(config);
  }
}

/** Mixtral whose router explores: in training, its logits get normal noise (Shazeer et al. 2017, https://arxiv.org/abs/1701.06538). */
export class NoisyMixtralForCausalLM extends ForCausalLM<MixtralConfig> {
  static readonly family = extendFamily(mixtral, { modelType: "noisy-mixtral", layer: NoisyMixtralLayer });
}
