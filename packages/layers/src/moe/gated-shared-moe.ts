import { Experts, type ExpertsConfig } from "../experts.js";
import type { RouterConfig } from "../routers/router.js";
import type { TokenRouter } from "../routers/routing.js";
import { GatedSharedExpert } from "./gated-shared-expert.js";
import { MoeBlock } from "./moe-block.js";

/** The part of a config that {@link gatedSharedMoe} needs. */
export interface GatedSharedMoeConfig extends ExpertsConfig, RouterConfig {
  /** Width of the expert that sees every token. */
  readonly sharedExpertIntermediateSize: number;
}

/** Builds the mixture of Qwen2-MoE and Qwen3-Next: routed experts, and beside them a shared one with a gate of its own. */
export function gatedSharedMoe<R extends TokenRouter>(config: GatedSharedMoeConfig, router: R): MoeBlock<R, Experts> {
  const sharedExperts = new GatedSharedExpert(config, config.sharedExpertIntermediateSize);
  return new MoeBlock({ router, experts: new Experts(config), sharedExperts });
}
