import { LayerNorm } from "@mixtape/layers";
import { MixtralForCausalLM, mixtral } from "@mixtape/mixtral";

/** Mixtral with LayerNorm (Ba et al. 2016, https://arxiv.org/abs/1607.06450) in place of RMSNorm. */
export class LayerNormMixtralForCausalLM extends MixtralForCausalLM {
  static override readonly family = mixtral.extend({
    modelType: "layer-norm-mixtral",
    buildNorm: ({ hiddenSize, rmsNormEps }) => new LayerNorm(hiddenSize, rmsNormEps),
  });
}
