import type { DecoderConfig } from "@mixtape/config";
import type { Scalar, Tensor2D } from "@tensorflow/tfjs-core";
import type { Batch } from "./batch.js";
import { CausalLM } from "./causal-lm.js";
import { loadBalancingLoss } from "./losses.js";

/** The part of a config that a load balancing loss needs. */
export type LoadBalancedConfig = DecoderConfig & {
  readonly numExpertsPerTok: number;
  readonly routerAuxLossCoef: number;
};

/** A causal language model whose loss keeps the load of its experts even, as Mixtral's and Qwen3-MoE's do. */
export abstract class LoadBalancedCausalLM<C extends LoadBalancedConfig = LoadBalancedConfig> extends CausalLM<C> {
  protected override auxLoss(routerLogits: readonly Tensor2D[], attentionMask: Batch | undefined): Scalar | undefined {
    if (routerLogits.length === 0) return undefined;
    return loadBalancingLoss(routerLogits, this.config.numExpertsPerTok, attentionMask);
  }

  protected override get auxLossCoef(): number {
    return this.config.routerAuxLossCoef;
  }
}
