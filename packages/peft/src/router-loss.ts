import { oneHot, topKIndices, untaped } from "@mixtape/ops";
import {
  add,
  addN,
  div,
  logSumExp,
  matMul,
  mul,
  reshape,
  type Scalar,
  softmax,
  square,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  tensor2d,
} from "@tensorflow/tfjs-core";
import type { MixtureConfig } from "./config/index.js";
import { topPKept } from "./routing.js";

/** The logits of one router of an adapter in one forward pass, `[N, E]`. */
export interface Routing {
  readonly logits: Tensor2D;
  /** How many rows there are for one token. */
  readonly rowsPerToken: number;
}

/**
 * What an adapter's routers add to its loss: their coefficient times the load balancing loss over all routers at once,
 * `E · Σ_e f_e · P_e` as Mixtral has it (Fedus et al. 2021, https://arxiv.org/abs/2101.03961, equations 4 to 6), and for
 * MixLoRA-switch the mean square of the log of the softmax's sum (Zoph et al. 2022, https://arxiv.org/abs/2202.08906, equation 5).
 *
 * @param mask one number for each token of the adapter's rows, 0 for padding
 * @returns null where the config has no such loss
 */
export function routerLoss(
  config: MixtureConfig,
  routings: readonly Routing[],
  mask: readonly number[],
): Scalar | null {
  if (!config.routerLoss || config.routingStrategy === "loramoe" || routings.length === 0) return null;
  const total = routings.reduce((n, { rowsPerToken }) => n + rowsPerToken, 0) * mask.reduce((n, value) => n + value, 0);
  const weighed = routings.map(({ logits, rowsPerToken }) => {
    const rows = weightsOf(mask, rowsPerToken);
    const chosen = untaped(() => chosenOf(logits, config));
    const z = matMul(rows, reshape(square(logSumExp(logits, 1)), [rows.shape[1], 1]));
    return { share: matMul(rows, chosen), probability: matMul(rows, softmax(logits)), z };
  });
  const mean = (part: "share" | "probability" | "z"): Tensor => div(addN(weighed.map((one) => one[part])), total);
  const balance = mul(sum(mul(mean("share"), mean("probability"))), config.numExperts * config.routerAuxLossCoef);
  if (config.routingStrategy !== "mixlora-switch") return balance as Scalar;
  return add(balance, mul(sum(mean("z")), config.routerZLossCoef)) as Scalar;
}

/**
 * How many rows each expert is given, `[E]`: padding does not count, nor do capacities. LoRAMoE gives each row to all experts;
 * there it is the sum of their weights. A constant to a gradient.
 * @param mask one number for each token of the adapter's rows, 0 for padding
 */
export function routingCounts(
  config: MixtureConfig,
  { logits, rowsPerToken }: Routing,
  mask: readonly number[],
): Tensor1D {
  return untaped(() => {
    const chosen = config.routingStrategy === "loramoe" ? softmax(logits) : chosenOf(logits, config);
    return reshape(matMul(weightsOf(mask, rowsPerToken), chosen), [config.numExperts]);
  });
}

/** `[1, N]`: what each row counts. */
function weightsOf(mask: readonly number[], rowsPerToken: number): Tensor2D {
  const weights = mask.flatMap((value) => new Array<number>(rowsPerToken).fill(value));
  return tensor2d(weights, [1, weights.length]);
}

/** 1 for each expert that a row goes by, capacities aside. @param logits `[N, E]` @returns `[N, E]` */
function chosenOf(logits: Tensor2D, { routingStrategy, topK, topP, temperature }: MixtureConfig): Tensor2D {
  if (routingStrategy === "mixlora-dynamic") {
    const { order, kept } = topPKept(logits, topP, temperature);
    const [n, e] = logits.shape;
    return reshape(matMul(reshape(kept, [n, 1, e]), oneHot(order, e) as Tensor3D), [n, e]) as Tensor2D;
  }
  const k = routingStrategy === "mixlora-switch" ? 1 : topK;
  return sum(oneHot(topKIndices(softmax(logits), k), logits.shape[1]) as Tensor3D, 1) as Tensor2D;
}
