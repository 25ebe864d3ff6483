import { SoftmaxRouter } from "@mixtape/layers";
import { MixtralForCausalLM, mixtral } from "@mixtape/mixtral";
import { gaussianNoise } from "@mixtape/ops";
import type { Tensor2D } from "@tensorflow/tfjs-core";

class NoisyRouter extends SoftmaxRouter {
  protected override gateLogits(x: Tensor2D): Tensor2D {
    return gaussianNoise(super.gateLogits(x));
  }
}

/**
 * Mixtral whose router explores: in training, normal noise is added to its logits (Shazeer et al. 2017,
 * https://arxiv.org/abs/1701.06538).
 */
export class NoisyMixtralForCausalLM extends MixtralForCausalLM {
  static override family = mixtral.extend({ modelType: "noisy-mixtral", buildRouter: (c) => new NoisyRouter(c) });
}
