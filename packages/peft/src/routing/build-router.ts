/** Routers of mixtures of LoRA experts. */

import {
  type CapturedRouting,
  type Router,
  type Routing,
  type RoutingContext,
  SoftmaxRouter,
  TopPRouter,
  tokenMaskOf,
  trimSlots,
} from "@mixtape/layers";
import { noGrad, oneHot } from "@mixtape/ops";
import {
  cast,
  cumsum,
  div,
  gather,
  lessEqual,
  mul,
  reshape,
  softmax,
  sub,
  sum,
  type Tensor1D,
  type Tensor2D,
  tensor1d,
  tensor2d,
} from "@tensorflow/tfjs-core";
import type { MixtureConfig } from "../config/adapter-config.js";
import type { Sequences } from "./sequences.js";

/** Context of the router of a mixture. */
export interface MixtureContext extends RoutingContext {
  /** Sequences of the tokens. Default: experts have unlimited capacity. */
  readonly sequences?: () => Sequences;
}

/** Builds the router of a mixture. @param hiddenSize width of its input */
export function buildRouter(config: MixtureConfig, hiddenSize: number): Router {
  const { numExperts, routingStrategy, topK, topP, temperature, expertCapacity } = config;
  const sizes = { hiddenSize, numExperts };
  switch (routingStrategy) {
    case "loramoe":
      return new DenseRouter({ ...sizes, numExpertsPerTok: numExperts });
    case "mola":
    case "mixlora":
      return new SoftmaxRouter({ ...sizes, numExpertsPerTok: topK });
    case "mixlora-dynamic":
      return new DynamicRouter({ ...sizes, numExpertsPerTok: numExperts, topP, temperature });
    case "mixlora-switch":
      return new SwitchRouter({ ...sizes, numExpertsPerTok: 1, normTopkProb: false, expertCapacity });
  }
}

/** LoRAMoE: all experts, weighted by their probability (Dou et al. 2023, https://arxiv.org/abs/2312.09979). */
class DenseRouter extends SoftmaxRouter {
  /** The sum of each expert's weights: all tokens go to all experts. */
  override expertCounts(routing: CapturedRouting): Tensor1D {
    return noGrad(() => {
      const [t, e] = routing.logits.shape;
      const probabilities = this.routingProbabilities(routing.logits);
      const mask = tokenMaskOf(routing);
      const weighted = mask ? mul(probabilities, reshape(mask.toTensor(), [t, 1])) : probabilities;
      return reshape(sum(weighted, 0), [e]);
    });
  }
}

/**
 * MixLoRA-dynamic: top-p routing whose weights are the probabilities (Huang et al. 2024, https://arxiv.org/abs/2403.07652). The
 * temperature divides probabilities, as in MoE-PEFT: it counts in the weights and in what `topP` is compared with. 0 for none.
 */
class DynamicRouter extends TopPRouter<ConstructorParameters<typeof TopPRouter>[0] & { readonly temperature: number }> {
  override routingProbabilities(logits: Tensor2D): Tensor2D {
    return softmax(logits);
  }

  protected override score(logits: Tensor2D): Tensor2D {
    const { temperature } = this.config;
    return temperature === 0 ? super.score(logits) : div(super.score(logits), temperature);
  }

  protected override selectExperts(scores: Tensor2D): Tensor2D {
    return trimSlots(super.selectExperts(scores));
  }
}

/**
 * MixLoRA-switch: the most probable expert, weighted by its probability, for as many tokens of a text as it has capacity for; later
 * ones pass the feed-forward by (Fedus et al. 2021, https://arxiv.org/abs/2101.03961, section 2.2). Padding takes no place, so that
 * a text is the same whatever it shares a batch with; MoE-PEFT counts it. A dropped token still counts as its expert's load.
 */
class SwitchRouter extends SoftmaxRouter<
  ConstructorParameters<typeof SoftmaxRouter>[0] & { readonly normTopkProb: boolean; readonly expertCapacity: number }
> {
  override routeLogits(logits: Tensor2D, context: MixtureContext = {}): Routing {
    const routing = super.routeLogits(logits, context);
    const { sequences } = context;
    if (!sequences) return routing;
    const taken = noGrad(() => {
      const chosen: Tensor2D = reshape(oneHot(routing.indices, this.numExperts), logits.shape);
      return cast(lessEqual(positionsOf(chosen, sequences()), this.config.expertCapacity), "float32") as Tensor2D;
    });
    return { ...routing, weights: mul(routing.weights, taken) };
  }
}

/** Position of each token among those of its text that chose its expert, from 1; 0 for padding. @param chosen `[N, E]` @returns `[N, 1]` */
function positionsOf(chosen: Tensor2D, { starts, isToken }: Sequences): Tensor2D {
  const counted = isToken ? mul(chosen, tensor2d(isToken, [isToken.length, 1])) : chosen;
  const upTo = cumsum(counted, 0);
  const beforeText = gather(sub(upTo, counted), tensor1d(starts, "int32"));
  return sum(mul(sub(upTo, beforeText), counted), 1, true);
}
