import { untaped } from "@mixtape/ops";
import {
  addN,
  bincount,
  concat,
  div,
  logSumExp,
  matMul,
  mul,
  reshape,
  type Scalar,
  sigmoid,
  softmax,
  square,
  sum,
  type Tensor1D,
  type Tensor2D,
  tensor1d,
  tensor2d,
  tidy,
} from "@tensorflow/tfjs-core";
import { checkList, checkObject, expectThat } from "./checks.js";

/** What routers said and did in a forward pass, one per MoE layer. T tokens, E experts, K experts per token. */
export interface Routings {
  /** `[T, E]` each */
  readonly logits: readonly Tensor2D[];
  /** int32 `[T, K]` each */
  readonly indices: readonly Tensor2D[];
  /** How logits become scores. */
  readonly score: "softmax" | "sigmoid";
  /** 1 for each token and 0 for padding, of which nothing counts. */
  readonly tokens: Float32Array;
}

/**
 * The load balancing loss of Switch Transformers over all layers at once: `E · Σ_e f_e · P_e`, where f_e is how many of a token's K
 * choices fall on expert e and P_e its mean probability (Fedus et al. 2021, https://arxiv.org/abs/2101.03961, equations 4 to 6).
 * With softmax it is Mixtral's and Qwen3-MoE's. Sigmoid scores are made to sum to 1 first, as DeepSeek-V3 does
 * (https://arxiv.org/abs/2412.19437, equations 17 to 20).
 */
export function switchLoss(routings: Routings): Scalar {
  checkRoutings("switchLoss", routings);
  const { logits, indices, score, tokens } = routings;
  checkList("switchLoss: indices", "chosen experts of each layer, [T, K]", indices, isMatrix);
  return tidy(() => {
    const joined = logits.length === 1 ? logits[0]! : (concat([...logits], 0) as Tensor2D);
    const e = joined.shape[1];
    const probabilities = (score === "softmax" ? softmax(joined) : normalized(sigmoid(joined))) as Tensor2D;
    const weights = rowWeights(tokens, logits.length);
    const counts = indices.map((chosen) => expertCounts(chosen, e, tokens));
    const share = div(addN(counts), tokens.reduce((n, value) => n + value, 0) * logits.length);
    return mul(sum(mul(share, matMul(weights, probabilities))), e) as Scalar;
  });
}

/**
 * The router z-loss of ST-MoE: the mean of `logsumexp(logits)²`, which keeps logits small (Zoph et al. 2022,
 * https://arxiv.org/abs/2202.08906, equation 5). The mean is over tokens and layers.
 */
export function routerZLoss(routings: Pick<Routings, "logits" | "tokens">): Scalar {
  checkRoutings("routerZLoss", routings);
  const { logits, tokens } = routings;
  return tidy(() => {
    const joined = logits.length === 1 ? logits[0]! : (concat([...logits], 0) as Tensor2D);
    const squares = square(logSumExp(joined, 1, true)) as Tensor2D;
    return sum(matMul(rowWeights(tokens, logits.length), squares)) as Scalar;
  });
}

/** How many tokens each expert of a layer was given, `[E]`: padding does not count. A constant to a gradient. */
export function expertCounts(indices: Tensor2D, experts: number, tokens: Float32Array): Tensor1D {
  expectThat(isMatrix(indices), "expertCounts: indices", "chosen experts, [T, K]", indices);
  expectThat(tokens instanceof Float32Array, "expertCounts: tokens", "a Float32Array of tokens", tokens);
  const [t, k] = indices.shape;
  return untaped(() =>
    tidy(() => {
      const weights = Float32Array.from({ length: t * k }, (_, i) => tokens[Math.floor(i / k)]!);
      return bincount(reshape(indices, [t * k]), tensor1d(weights), experts);
    }),
  );
}

/** `[1, layers · T]`: what each row counts in a mean over tokens. */
function rowWeights(tokens: Float32Array, layers: number): Tensor2D {
  const total = tokens.reduce((n, value) => n + value, 0) * layers;
  const weights = new Float32Array(tokens.length * layers);
  for (let layer = 0; layer < layers; layer++) weights.set(tokens, layer * tokens.length);
  return tensor2d(
    weights.map((value) => value / total),
    [1, weights.length],
  );
}

function normalized(scores: Tensor2D): Tensor2D {
  return div(scores, sum(scores, 1, true));
}

/** @throws {TrainingError} for what is not what routers said */
function checkRoutings(where: string, routings: unknown): void {
  checkObject(where, "what routers said in a forward pass", routings);
  const { logits, tokens } = routings as Partial<Routings>;
  checkList(`${where}: logits`, "logits of each layer, [T, E]", logits, isMatrix);
  expectThat(logits?.length !== 0, `${where}: logits`, "those of one layer at least", "none");
  expectThat(tokens instanceof Float32Array, `${where}: tokens`, "a Float32Array of tokens", tokens);
}

function isMatrix(value: unknown): boolean {
  const { shape } = (value ?? {}) as { readonly shape?: unknown };
  return Array.isArray(shape) && shape.length === 2;
}
