import type { DecoderConfig } from "@mixtape/config";
import { type CapturedRouting, loadBalancingLoss } from "@mixtape/layers";
import type { Scalar } from "@tensorflow/tfjs-core";
import { CausalLM } from "./causal-lm.js";

/** The part of a config that a load-balancing loss needs. */
export type LoadBalancedConfig = DecoderConfig & {
  readonly routerAuxLossCoef: number;
};

/** A causal language model whose loss includes its routers' load-balancing loss, as those of Mixtral and Qwen3-MoE do. */
export abstract class LoadBalancedCausalLM<C extends LoadBalancedConfig = LoadBalancedConfig> extends CausalLM<C> {
  protected override auxLoss(routings: readonly CapturedRouting[]): Scalar | undefined {
    return routings.length > 0 ? loadBalancingLoss(routings) : undefined;
  }

  protected override get auxLossCoef(): number {
    return this.config.routerAuxLossCoef;
  }
}
