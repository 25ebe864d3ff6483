import { Experts, type ExpertsConfig } from "../experts.js";
import type { RouterConfig } from "../routers/router.js";
import type { TokenRouter } from "../routers/routing.js";
import { GatedSharedExpert } from "./gated-shared-expert.js";
import { MoeBlock } from "./moe-block.js";

/** Part of a config that {@link gatedSharedMoe} uses. */
export interface GatedSharedMoeConfig extends ExpertsConfig, RouterConfig {
  /** Width of the shared expert. */
  readonly sharedExpertIntermediateSize: number;
}

/** Builds the mixture of Qwen2-MoE and Qwen3-Next: routed experts and a gated shared expert. */
export function gatedSharedMoe<R extends TokenRouter>(config: GatedSharedMoeConfig, router: R): MoeBlock<R, Experts> {
  const sharedExperts = new GatedSharedExpert(config, config.sharedExpertIntermediateSize);
  return new MoeBlock({ router, experts: new Experts(config), sharedExperts });
}
