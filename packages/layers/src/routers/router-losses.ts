/**
 * Losses of all routers of a model, over all MoE layers at once. Each router defines its own loss; layers whose routers
 * share that computation form one mean, as in transformers' `load_balancing_loss_func`.
 */
import { addN, mul, type Scalar, tidy } from "@tensorflow/tfjs-core";
import { LayersError } from "../errors.js";
import { routerOf } from "./captured-routing.js";
import type { CapturedRouting } from "./routing.js";

/**
 * Load-balancing loss of a forward pass. For a `Router`: `E · Σ_e f_e · P_e` over the tokens of all layers, where f_e
 * is the mean number of a token's slots with expert e and P_e its mean probability by the router's own scores (Fedus et
 * al. 2021, https://arxiv.org/abs/2101.03961, equations 4 to 6). K for an even load, and E at most. Layers whose
 * routers compute it differently, or have another number of experts, form separate means, which are averaged by the
 * number of layers.
 *
 * @param routings of the MoE layers, as returned by `forward` with `outputRoutings`
 * @throws {LayersError} without layers, and if all tokens are padding
 */
export function loadBalancingLoss(routings: readonly CapturedRouting[]): Scalar {
  return meanOfGroups("loadBalancingLoss", routings, "loadBalancingLoss");
}

/**
 * Router z-loss of a forward pass: the mean of `logsumexp(logits)²` over tokens and layers, which keeps logits small
 * (Zoph et al. 2022, https://arxiv.org/abs/2202.08906, equation 5).
 *
 * @param routings of the MoE layers, as returned by `forward` with `outputRoutings`
 * @throws {LayersError} without layers, and if all tokens are padding
 */
export function routerZLoss(routings: readonly CapturedRouting[]): Scalar {
  return meanOfGroups("routerZLoss", routings, "zLoss");
}

function meanOfGroups(
  where: string,
  routings: readonly CapturedRouting[],
  loss: "loadBalancingLoss" | "zLoss",
): Scalar {
  if (!(Array.isArray(routings) && routings.length > 0))
    throw new LayersError({
      where,
      expected: "the routings of at least one MoE layer",
      got: Array.isArray(routings) ? "none" : typeof routings,
      fix: "forward returns them with outputRoutings: true",
    });
  return tidy(() => {
    const terms = groupsOf(routings, loss).map(([first, ...others]) => {
      const mean = routerOf(first!)[loss]([first!, ...others]);
      const share = (others.length + 1) / routings.length;
      return share === 1 ? mean : mul<Scalar>(mean, share);
    });
    return terms.length === 1 ? terms[0]! : (addN(terms) as Scalar);
  });
}

/** Groups layers whose routers compute the loss by the same method and have the same number of experts. */
function groupsOf(routings: readonly CapturedRouting[], loss: "loadBalancingLoss" | "zLoss"): CapturedRouting[][] {
  const groups: CapturedRouting[][] = [];
  for (const routing of routings) {
    const router = routerOf(routing);
    const alike = groups.find(([first]) => {
      const other = routerOf(first!);
      return other[loss] === router[loss] && other.numExperts === router.numExperts;
    });
    if (alike) alike.push(routing);
    else groups.push([routing]);
  }
  return groups;
}
