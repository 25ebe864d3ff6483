import { type Experts, GatedMlp } from "@mixtape/layers";
import { dropout, gate, groupedLinear, groupRows, type Routed, type RowGroups, reshape } from "@mixtape/ops";
import {
  concat,
  gather,
  matMul,
  split,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tensor1d,
} from "@tensorflow/tfjs-core";
import { withSplitRng } from "../layers/adapter-layer.js";
import type { TopKAssignment } from "../routing/mixlora-router.js";
import type { FeedForward, TargetModule } from "../targets/target-module.js";
import { adapt, type BatchSlice, cut } from "./batch-slice.js";

/** Target modules of a feed-forward, by the ends of their names. */
export type FeedForwardTargets = ReadonlyMap<string, TargetModule>;

/** Runs a gated MLP with adapters. @param x `[N, M]` @returns `[N, M]` */
export function adaptedMlp(
  mlp: GatedMlp,
  targets: FeedForwardTargets,
  x: Tensor2D,
  slices: readonly BatchSlice[],
): Tensor2D {
  return run(mlp, targets, x, null, slices, x);
}

/** Runs routed experts with adapters. @returns `[T, M]` */
export function adaptedExperts(
  experts: Experts,
  targets: FeedForwardTargets,
  { x, indices, weights }: Routed,
  slices: readonly BatchSlice[],
): Tensor2D {
  const [t, k] = indices.shape;
  const width = x.shape[1];
  const tokens = Int32Array.from({ length: t * k }, (_, row) => Math.floor(row / k));
  const rows = gather(x, tensor1d(tokens, "int32")) as Tensor2D;
  const perChoice = slices.map((slice) => ({
    ...slice,
    start: slice.start * k,
    end: slice.end * k,
    perToken: k,
  }));
  const outputs = run(experts, targets, rows, reshape(indices, [t * k]), perChoice, x);
  return reshape(matMul(reshape(weights, [t, 1, k]), reshape(outputs, [t, k, width])), [t, width]);
}

/**
 * Computes `down(act(gate(x)) · up(x))` with the adapters' updates. The base's gate and up run once for each row, whatever its
 * number of slots in a MixLoRA.
 * @param rows `[N, M]` @param ids routed expert of each row @param tokens `[T, M]`, inputs of routers
 */
function run(
  module: FeedForward,
  targets: FeedForwardTargets,
  rows: Tensor2D,
  ids: Tensor1D | null,
  slices: readonly BatchSlice[],
  tokens: Tensor2D,
): Tensor2D {
  const plan = expandSlots(module, slices, tokens);
  const spread = <T extends Tensor>(tensor: T): T => (plan.index ? (gather(tensor, plan.index) as T) : tensor);
  const spreadIds = ids && spread(ids);
  const at = (part: string, x: Tensor2D, y: Tensor2D): Tensor2D => {
    const target = targets.get(part);
    return target ? adapt(target, x, y, plan.slices, spreadIds) : y;
  };
  const map = productsOf(module);
  const groups = ids && groupRows(ids, matricesOf(module));
  const x = spread(rows);
  const gateY = at("gate_proj", x, spread(map("gateProj", rows, groups)));
  const upY = at("up_proj", x, spread(map("upProj", rows, groups)));
  const both = targets.has("gate_up_proj") ? at("gate_up_proj", x, concat([gateY, upY], 1)) : null;
  const [g, u] = both ? (split(both, 2, 1) as [Tensor2D, Tensor2D]) : [gateY, upY];
  const inner = gate(g, u, module.gating);
  const innerGroups = plan.index && spreadIds ? groupRows(spreadIds, matricesOf(module)) : groups;
  const downY = map("downProj", inner, innerGroups);
  return combineSlots(at("down_proj", inner, downY), plan);
}

/** Layout of rows that are expanded to one row per slot. */
interface SlotPlan {
  /** Original row of each expanded row; null if no row has several slots. */
  readonly index: Tensor1D | null;
  readonly slices: readonly BatchSlice[];
  /** Assignment of each slice with a MixLoRA router. */
  readonly assignments: readonly (SliceAssignment | null)[];
}

interface SliceAssignment extends TopKAssignment {
  readonly label: string;
  readonly dropout: number;
}

function expandSlots(module: FeedForward, slices: readonly BatchSlice[], tokens: Tensor2D): SlotPlan {
  const assignments = slices.map(({ adapter, start, end, sequences, perToken }): SliceAssignment | null => {
    const found = adapter?.routerAt(module);
    if (!found) return null;
    const { name, router } = found;
    const own = cut(tokens, start / perToken, end / perToken);
    const label = `${adapter!.name} ${name} router`;
    const assignment = router.route(own, {
      sequences,
      label,
      onRouting: (logits) => adapter!.onRouting(logits, name, 1, null),
    });
    return { ...assignment, label: `${label} output`, dropout: router.options.dropout };
  });
  if (assignments.every((assignment) => assignment === null)) return { index: null, slices, assignments };
  const index: number[] = [];
  const spread = slices.map((slice, i): BatchSlice => {
    const start = index.length;
    const k = assignments[i]?.k ?? 1;
    for (let row = slice.start; row < slice.end; row++) for (let slot = 0; slot < k; slot++) index.push(row);
    return { ...slice, start, end: index.length, assignment: assignmentOfRows(assignments[i] ?? null, slice) };
  });
  return { index: tensor1d(index, "int32"), slices: spread, assignments };
}

/** Repeats the assignment of each token for each of its rows. */
function assignmentOfRows(assignment: TopKAssignment | null, { start, end, perToken }: BatchSlice): Tensor2D | null {
  if (!assignment) return null;
  const index = Array.from({ length: (end - start) * assignment.k }, (_, i) => {
    const token = Math.floor(i / (perToken * assignment.k));
    return token * assignment.k + (i % assignment.k);
  });
  return perToken === 1 ? assignment.oneHot : (gather(assignment.oneHot, tensor1d(index, "int32")) as Tensor2D);
}

/** Computes the weighted sum of the slots of each row. */
function combineSlots(outputs: Tensor2D, { index, slices, assignments }: SlotPlan): Tensor2D {
  if (!index) return outputs;
  const width = outputs.shape[1];
  const parts = slices.map((slice, i) => {
    const own = cut(outputs, slice.start, slice.end);
    const assignment = assignments[i];
    if (!assignment) return own;
    const n = own.shape[0] / assignment.k;
    const weights = weightsOfRows(assignment, n, slice.perToken);
    const sum = reshape(matMul(reshape(weights, [n, 1, assignment.k]), reshape(own, [n, assignment.k, width])), [
      n,
      width,
    ]);
    return withSplitRng(assignment.label, () => dropout(sum, assignment.dropout)) as Tensor2D;
  });
  return parts.length === 1 ? parts[0]! : concat(parts, 0);
}

function weightsOfRows({ weights }: TopKAssignment, n: number, perToken: number): Tensor2D {
  if (perToken === 1) return weights;
  const tokens = Int32Array.from({ length: n }, (_, row) => Math.floor(row / perToken));
  return gather(weights, tensor1d(tokens, "int32")) as Tensor2D;
}

/** Returns the base's own products. */
function productsOf(
  module: FeedForward,
): (part: "gateProj" | "upProj" | "downProj", x: Tensor2D, groups: RowGroups | null) => Tensor2D {
  if (module instanceof GatedMlp) return (part, x) => module[part].map(x) as Tensor2D;
  return (part, x, groups) => groupedLinear(x, module[part].weight, groups!, module[`${part}Bias`]?.vectors);
}

function matricesOf(module: FeedForward): number {
  return module instanceof GatedMlp ? 1 : module.gateProj.shape[0]!;
}
