import { type Heads, Linear, QKNormAttention } from "@mixtape/layers";
import { gate, type RotaryTables, sigmoid } from "@mixtape/ops";
import type { Tensor3D } from "@tensorflow/tfjs-core";
import type { AfmoeConfig } from "./config.js";

/** QK-norm, rotary embeddings in sliding layers only, and a sigmoid gate on the output of the heads. */
export class AfmoeAttention<C extends AfmoeConfig = AfmoeConfig> extends QKNormAttention<C> {
  /** `[H·D, M]` */
  readonly gateProj: Linear;

  constructor(config: C, layer: number) {
    super(config, layer);
    this.gateProj = new Linear(config.hiddenSize, config.numAttentionHeads * config.headDim);
  }

  protected override rotate(heads: Heads, rope: RotaryTables): Heads {
    return this.config.layerTypes[this.layer] === "sliding_attention" ? super.rotate(heads, rope) : heads;
  }

  protected override gateOutput(out: Tensor3D, x: Tensor3D): Tensor3D {
    return gate(this.gateProj.forward(x), out, sigmoid);
  }
}
