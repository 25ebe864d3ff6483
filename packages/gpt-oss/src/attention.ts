import { Attention, Param } from "@mixtape/layers";
import type { Tensor1D } from "@tensorflow/tfjs-core";
import type { GptOssConfig } from "./config.js";

/** Attention with a sink per head: a learned score that takes part in the softmax and has no value. */
export class GptOssAttention<C extends GptOssConfig = GptOssConfig> extends Attention<C> {
  /** `[H]`; on disk `sinks` */
  readonly sinkScores: Param;

  constructor(config: C, layer: number) {
    super(config, layer);
    this.sinkScores = new Param([config.numAttentionHeads], "vector");
  }

  protected override get sinks(): Tensor1D {
    return this.sinkScores.vector;
  }
}
