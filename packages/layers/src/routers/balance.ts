/** Formulas for load balancing. */
import { noGrad } from "@mixtape/ops";
import {
  addN,
  bincount,
  cast,
  div,
  greaterEqual,
  logSumExp,
  matMul,
  maximum,
  mul,
  reshape,
  type Scalar,
  scalar,
  square,
  sum,
  type Tensor1D,
  type Tensor2D,
  tensor2d,
  tidy,
} from "@tensorflow/tfjs-core";
import { LayersError } from "../errors.js";
import type { TokenMask } from "../moe/token-mask.js";
import { countTokens, routerOf, tokenMaskOf } from "./captured-routing.js";
import type { CapturedRouting } from "./routing.js";

/** Computes `E · Σ_e f_e · P_e` over the tokens of all layers: see `loadBalancingLoss`. */
export function switchLoss(routings: readonly CapturedRouting[]): Scalar {
  return tidy(() => {
    const total = totalTokens("loadBalancingLoss", routings);
    const share = div(addN(routings.map((routing) => routerOf(routing).expertCounts(routing))), total);
    const probability = addN(
      routings.map((routing) =>
        matMul(tokenWeights(routing, total), routerOf(routing).routingProbabilities(routing.logits)),
      ),
    );
    return mul(sum(mul(share, probability)), routerOf(routings[0]!).numExperts) as Scalar;
  });
}

/** Computes the mean of `logsumexp(logits)²` over the tokens of all layers: see `routerZLoss`. */
export function meanSquareLogSumExp(routings: readonly CapturedRouting[]): Scalar {
  return tidy(() => {
    const total = totalTokens("routerZLoss", routings);
    const means = routings.map((routing) =>
      matMul(tokenWeights(routing, total), square(logSumExp(routing.logits, 1, true)) as Tensor2D),
    );
    return sum(addN(means)) as Scalar;
  });
}

/** Counts the used slots of tokens for each expert. @param indices int32 `[T, K]` @returns `[E]` */
export function countExperts(indices: Tensor2D, experts: number, tokenMask: TokenMask | null): Tensor1D {
  const [t, k] = indices.shape;
  return noGrad(() =>
    tidy(() => {
      const used = cast(greaterEqual(indices, 0), "float32") as Tensor2D;
      const counted = tokenMask ? mul(used, reshape(tokenMask.toTensor(), [t, 1])) : used;
      return bincount(
        reshape(maximum(indices, scalar(0, "int32")), [t * k]) as Tensor1D,
        reshape(counted, [t * k]),
        experts,
      );
    }),
  );
}

/**
 * Returns the steps of a balancing bias: up for an expert with less than the mean load, down for one with more (Wang et
 * al. 2024, https://arxiv.org/abs/2408.15664, algorithm 1). The steps are shifted to sum to 0, as in torchtitan, so
 * that biases do not drift.
 */
export function biasSteps(counts: readonly number[], rate: number): number[] {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const signs = counts.map((count) => Math.sign(mean - count));
  const drift = signs.reduce((sum, sign) => sum + sign, 0) / signs.length;
  return signs.map((sign) => rate * (sign - drift));
}

function totalTokens(where: string, routings: readonly CapturedRouting[]): number {
  const total = routings.reduce((n, routing) => n + countTokens(routing), 0);
  if (total > 0) return total;
  throw new LayersError({ where, expected: "at least one token", got: "only padding" });
}

/** `[1, T]`: 1 / total for a token and 0 for padding. */
function tokenWeights(routing: CapturedRouting, total: number): Tensor2D {
  const [t] = routing.logits.shape;
  const tokenMask = tokenMaskOf(routing);
  const weights = new Float32Array(t).fill(1 / total);
  if (tokenMask) for (let i = 0; i < t; i++) if (tokenMask.values[i] === 0) weights[i] = 0;
  return tensor2d(weights, [1, t]);
}
