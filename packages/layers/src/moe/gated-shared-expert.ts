import { mul, sigmoid, type Tensor2D } from "@tensorflow/tfjs-core";
import { GatedMlp, type MlpConfig } from "../gated-mlp.js";
import { Linear } from "../linear.js";
import { Module } from "../module.js";

/** A shared expert with a gate per token, as in Qwen2-MoE and Qwen3-Next: `sigmoid(gate(x)) · mlp(x)`. */
export class GatedSharedExpert extends Module {
  readonly mlp: GatedMlp;
  /** `[1, M]` */
  readonly gate: Linear;

  constructor(config: MlpConfig, intermediateSize: number) {
    super();
    this.mlp = new GatedMlp(config, intermediateSize);
    this.gate = new Linear(config.hiddenSize, 1);
  }

  /** @param x `[T, M]` @returns `[T, M]` */
  forward(x: Tensor2D): Tensor2D {
    return mul(sigmoid(this.gate.forward(x)), this.mlp.forward(x));
  }
}
