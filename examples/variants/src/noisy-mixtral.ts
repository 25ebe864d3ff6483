import { defineConfig } from "@mixtape/config";
import { type RoutingContext, SoftmaxRouter } from "@mixtape/layers";
import {
  type MixtralConfig,
  MixtralDecoderLayer,
  MixtralForCausalLM,
  MixtralModel,
  mixtralConfig,
} from "@mixtape/mixtral";
import { currentRandomness } from "@mixtape/ops";
import { add, type Tensor2D } from "@tensorflow/tfjs-core";

/** Mixtral whose router explores: in training, its logits get normal noise (Shazeer et al. 2017, https://arxiv.org/abs/1701.06538). */
export class NoisyMixtralForCausalLM extends MixtralForCausalLM {
  static override readonly config = defineConfig({ modelType: "noisy-mixtral", extends: mixtralConfig });

  protected override buildModel(config: MixtralConfig): NoisyMixtralModel {
    return new NoisyMixtralModel(config);
  }
}

class NoisyMixtralModel extends MixtralModel {
  protected override buildLayer(config: MixtralConfig, layer: number): NoisyMixtralLayer {
    return new NoisyMixtralLayer(config, layer);
  }
}

class NoisyMixtralLayer extends MixtralDecoderLayer {
  protected override buildRouter(config: MixtralConfig): NoisyRouter {
    return new NoisyRouter(config);
  }
}

class NoisyRouter extends SoftmaxRouter<MixtralConfig> {
  protected override gateLogits(x: Tensor2D, context: RoutingContext): Tensor2D {
    const logits = super.gateLogits(x, context);
    const noise = currentRandomness()?.normal(logits.shape) as Tensor2D | undefined;
    return noise ? add(logits, noise) : logits;
  }
}
