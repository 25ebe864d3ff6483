import type { LayerContext } from "@mixtape/decoder";
import { MixtralDecoderLayer, MixtralForCausalLM, mixtral } from "@mixtape/mixtral";
import { addN, type Tensor3D } from "@tensorflow/tfjs-core";

class ParallelLayer extends MixtralDecoderLayer {
  override forward(x: Tensor3D, context: LayerContext): Tensor3D {
    const mixed = this.selfAttn.forward(this.inputLayernorm.forward(x), context);
    return addN([x, mixed, this.mlp.forward(this.postAttentionLayernorm.forward(x), context)]);
  }
}

/** Mixtral whose attention and experts read the same input, as in GPT-NeoX (Black et al. 2022, https://arxiv.org/abs/2204.06745). */
export class ParallelMixtralForCausalLM extends MixtralForCausalLM {
  static override readonly family = mixtral.extend({ modelType: "parallel-mixtral", layer: ParallelLayer });
}
