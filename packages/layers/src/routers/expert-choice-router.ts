import { noGrad, scatterAlongAxis, takeAlongAxis, topKIndices } from "@mixtape/ops";
import {
  cast,
  fill,
  reshape,
  type Scalar,
  scalar,
  type Tensor2D,
  type Tensor3D,
  tensor2d,
  transpose,
  where,
} from "@tensorflow/tfjs-core";
import { LayersError } from "../errors.js";
import type { RouterConfig } from "./router.js";
import type { RoutingContext } from "./routing.js";
import { trimSlots } from "./slots.js";
import { SoftmaxRouter } from "./softmax-router.js";

/** Part of a config that an {@link ExpertChoiceRouter} uses. */
export interface ExpertChoiceRouterConfig extends RouterConfig {
  /**
   * Mean number of experts per token: an expert chooses `L · numExpertsPerTok / numExperts` of a sequence's L tokens.
   */
  readonly numExpertsPerTok: number;
}

/**
 * Expert-choice routing: each expert chooses the tokens of a sequence with the highest scores (Zhou et al. 2022,
 * https://arxiv.org/abs/2202.09368, section 3.2). Every expert has the same load, so there is no load-balancing loss,
 * and a token has any number of experts. Padding is not chosen, and a sequence is routed as it would be alone.
 *
 * The routing lists the experts of each token: K is the largest number of experts that chose one token, if the engine
 * reads back synchronously, and E otherwise; slots beyond a token's own have index −1. Whether a token is chosen
 * depends on later tokens: such a model trains and scores whole sequences, and cannot decode token by token.
 */
export class ExpertChoiceRouter<
  C extends ExpertChoiceRouterConfig = ExpertChoiceRouterConfig,
> extends SoftmaxRouter<C> {
  /** Zero: the load is even by construction. */
  override loadBalancingLoss(): Scalar {
    return scalar(0);
  }

  /** @throws {LayersError} for tokens that continue a cache. */
  protected override selectExperts(scores: Tensor2D, context: RoutingContext): Tensor2D {
    if (context.usesCache)
      throw new LayersError({
        where: "ExpertChoiceRouter",
        expected: "whole sequences",
        got: "tokens with a cache",
        fix: "Experts choose among all tokens of a sequence: run it without a cache, or generate with another router",
      });
    return noGrad(() => {
      const chosen = tokensOfExperts(scores, this.config.numExpertsPerTok, context);
      const first = topKIndices(where(chosen, scores, fill(scores.shape, -1)) as Tensor2D, this.numExperts);
      const used = cast(takeAlongAxis(cast(chosen, "float32"), first), "bool");
      return trimSlots(where(used, first, fill(first.shape, -1, "int32")) as Tensor2D);
    });
  }

  /** As in the paper, weights are the scores. */
  protected override normalizeWeights(chosen: Tensor2D): Tensor2D {
    return chosen;
  }
}

/** Returns the tokens that each expert chooses. @param perToken mean number of experts of a token @returns bool `[T, E]` */
function tokensOfExperts(scores: Tensor2D, perToken: number, { rows = 1, tokenMask }: RoutingContext): Tensor2D {
  const [t, e] = scores.shape;
  const length = t / rows;
  const lengths = Array.from({ length: rows }, (_, row) => tokenMask?.slice(row, row + 1).numTokens ?? length);
  const capacities = lengths.map((tokens) => Math.min(tokens, Math.ceil((tokens * perToken) / e)));
  const largest = Math.max(1, ...capacities);
  const open = tokenMask
    ? (where(cast(reshape(tokenMask.toTensor(), [t, 1]), "bool"), scores, fill([t, e], -1)) as Tensor2D)
    : scores;
  const byExpert = reshape(transpose(reshape(open, [rows, length, e]), [0, 2, 1]), [rows * e, length]) as Tensor2D;
  const best = topKIndices(byExpert, largest);
  const taken = Float32Array.from({ length: rows * e * largest }, (_, i) =>
    i % largest < capacities[Math.floor(i / (e * largest))]! ? 1 : 0,
  );
  const chosen = scatterAlongAxis(tensor2d(taken, [rows * e, largest]), best, length);
  const byToken = transpose(reshape(chosen, [rows, e, length]) as Tensor3D, [0, 2, 1]);
  return cast(reshape(byToken, [t, e]), "bool");
}
