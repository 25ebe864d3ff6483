import { noGrad, takeAlongAxis, topKIndices } from "@mixtape/ops";
import {
  add,
  fill,
  gather,
  matMul,
  mul,
  reshape,
  sub,
  sum,
  type Tensor2D,
  type Tensor3D,
  tensor2d,
} from "@tensorflow/tfjs-core";
import { LayersError } from "../errors.js";
import { NOT_SELECTABLE } from "./constrain.js";
import { SigmoidBiasRouter, type SigmoidBiasRouterConfig } from "./sigmoid-bias-router.js";

/** Part of a config that a {@link GroupLimitedRouter} uses. */
export interface GroupLimitedRouterConfig extends SigmoidBiasRouterConfig {
  /** Number of equal groups of experts. */
  readonly nGroup: number;
  /** Number of groups that a token may select from. */
  readonly topkGroup: number;
}

/**
 * A {@link SigmoidBiasRouter} that selects a token's experts from its best groups only; the score of a group is the sum
 * of its two largest scores (DeepSeek-V3, https://arxiv.org/abs/2412.19437, section 2.1.2).
 */
export class GroupLimitedRouter<
  C extends GroupLimitedRouterConfig = GroupLimitedRouterConfig,
> extends SigmoidBiasRouter<C> {
  /** @throws {LayersError} if experts cannot be divided into the groups, or the chosen groups have too few experts. */
  constructor(config: C) {
    super(config);
    checkGroups(config);
  }

  protected override selectionScores(scores: Tensor2D): Tensor2D {
    const { nGroup, topkGroup } = this.config;
    return limitToGroups(super.selectionScores(scores), { groups: nGroup, kept: topkGroup, summed: 2 });
  }
}

/** Options of {@link limitToGroups}. */
export interface GroupLimit {
  /** Number of groups. */
  readonly groups: number;
  /** Number of groups kept for a token. */
  readonly kept: number;
  /** Number of largest scores that are summed to a group's score: 1 for its maximum (DeepSeek-V2), 2 in DeepSeek-V3. */
  readonly summed: number;
}

/**
 * Returns the scores, too low to be selected outside a token's best groups. @param scores `[T, E]` @returns `[T, E]`
 */
export function limitToGroups(scores: Tensor2D, { groups, kept, summed }: GroupLimit): Tensor2D {
  const [t, e] = scores.shape;
  const size = e / groups;
  return noGrad(() => {
    const members: Tensor2D = reshape(scores, [t * groups, size]);
    const best = takeAlongAxis(members, topKIndices(members, Math.min(summed, size)));
    const open = expertsOfGroups(topKIndices(reshape(sum(best, 1), [t, groups]), kept), groups, size);
    // Products instead of a selection, since engines can replay them without JavaScript.
    return add<Tensor2D>(mul(scores, open), mul(sub(1, open), NOT_SELECTABLE));
  });
}

/**
 * Returns 1 for the experts of the selected groups, 0 for the others. @param chosen int32 `[T, kept]`, groups of each
 * token @returns `[T, E]`
 */
function expertsOfGroups(chosen: Tensor2D, groups: number, size: number): Tensor2D {
  const [t, kept] = chosen.shape;
  const e = groups * size;
  const members = Float32Array.from({ length: groups * e }, (_, at) =>
    Number(Math.floor((at % e) / size) === Math.floor(at / e)),
  );
  const rows = reshape(gather(tensor2d(members, [groups, e]), reshape(chosen, [t * kept])), [t, kept, e]) as Tensor3D;
  return reshape(matMul(fill([t, 1, kept], 1) as Tensor3D, rows), [t, e]);
}

function checkGroups({ numExperts, numExpertsPerTok, nGroup, topkGroup }: GroupLimitedRouterConfig): void {
  const where = "GroupLimitedRouter";
  if (!(Number.isInteger(nGroup) && nGroup >= 1 && numExperts % nGroup === 0))
    throw new LayersError({ where, expected: `nGroup that divides ${numExperts} experts`, got: `${nGroup}` });
  const needed = Math.ceil((numExpertsPerTok * nGroup) / numExperts);
  if (!(Number.isInteger(topkGroup) && topkGroup >= needed && topkGroup <= nGroup))
    throw new LayersError({
      where,
      expected: `topkGroup from ${needed}, which hold ${numExpertsPerTok} experts, to ${nGroup}`,
      got: `${topkGroup}`,
    });
}
