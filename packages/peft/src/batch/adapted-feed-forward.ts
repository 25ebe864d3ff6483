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
import { withOwnRandomness } from "../layers/adapter-layer.js";
import type { Ways } from "../routing/mixlora-router.js";
import type { FeedForward, Site } from "../targets/target-module.js";
import { adapt, cut, type Segment } from "./batch-slice.js";

/** The sites of a feed-forward, by the ends of their names. */
export type FeedForwardSites = ReadonlyMap<string, Site>;

/** A gated MLP with adapters. @param x `[N, M]` @returns `[N, M]` */
export function adaptedMlp(
  mlp: GatedMlp,
  sites: FeedForwardSites,
  x: Tensor2D,
  segments: readonly Segment[],
): Tensor2D {
  return run(mlp, sites, x, null, segments, x);
}

/** Routed experts with adapters. @returns `[T, M]` */
export function adaptedExperts(
  experts: Experts,
  sites: FeedForwardSites,
  { x, indices, weights }: Routed,
  segments: readonly Segment[],
): Tensor2D {
  const [t, k] = indices.shape;
  const width = x.shape[1];
  const tokens = Int32Array.from({ length: t * k }, (_, row) => Math.floor(row / k));
  const rows = gather(x, tensor1d(tokens, "int32")) as Tensor2D;
  const perChoice = segments.map((segment) => ({
    ...segment,
    start: segment.start * k,
    end: segment.end * k,
    perToken: k,
  }));
  const outputs = run(experts, sites, rows, reshape(indices, [t * k]), perChoice, x);
  return reshape(matMul(reshape(weights, [t, 1, k]), reshape(outputs, [t, k, width])), [t, width]);
}

/**
 * `down(act(gate(x)) · up(x))`, each with what adapters add. The base's gate and up run once for each row, whatever number of
 * ways it goes through a mixture.
 * @param rows `[N, M]` @param ids which routed expert each row meets @param tokens `[T, M]`, what routers look at
 */
function run(
  module: FeedForward,
  sites: FeedForwardSites,
  rows: Tensor2D,
  ids: Tensor1D | null,
  segments: readonly Segment[],
  tokens: Tensor2D,
): Tensor2D {
  const plan = expand(module, segments, tokens);
  const spread = <T extends Tensor>(tensor: T): T => (plan.index ? (gather(tensor, plan.index) as T) : tensor);
  const spreadIds = ids && spread(ids);
  const at = (part: string, x: Tensor2D, y: Tensor2D): Tensor2D => {
    const site = sites.get(part);
    return site ? adapt(site, x, y, plan.segments, spreadIds) : y;
  };
  const map = productsOf(module);
  const groups = ids && groupRows(ids, matricesOf(module));
  const x = spread(rows);
  const gateY = at("gate_proj", x, spread(map("gateProj", rows, groups)));
  const upY = at("up_proj", x, spread(map("upProj", rows, groups)));
  const both = sites.has("gate_up_proj") ? at("gate_up_proj", x, concat([gateY, upY], 1)) : null;
  const [g, u] = both ? (split(both, 2, 1) as [Tensor2D, Tensor2D]) : [gateY, upY];
  const inner = gate(g, u, module.gating);
  const innerGroups = plan.index && spreadIds ? groupRows(spreadIds, matricesOf(module)) : groups;
  const downY = map("downProj", inner, innerGroups);
  return gatherWays(at("down_proj", inner, downY), plan);
}

/** How rows that go several ways lie: the rows of each way in place of the row. */
interface Plan {
  /** Which row each spread row is; null where no row goes several ways. */
  readonly index: Tensor1D | null;
  readonly segments: readonly Segment[];
  /** For each segment, its ways where it has a mixture. */
  readonly ways: readonly (SegmentWays | null)[];
}

interface SegmentWays extends Ways {
  readonly label: string;
  readonly dropout: number;
}

function expand(module: FeedForward, segments: readonly Segment[], tokens: Tensor2D): Plan {
  const ways = segments.map(({ adapter, start, end, texts, perToken }): SegmentWays | null => {
    const found = adapter?.mixtureAt(module);
    if (!found) return null;
    const { name, mixture } = found;
    const own = cut(tokens, start / perToken, end / perToken);
    const label = `${adapter!.name} ${name} router`;
    const ways = mixture.route(own, {
      texts,
      label,
      onRouting: (logits) => adapter!.onRouting(logits, name, 1, null),
    });
    return { ...ways, label: `${label} output`, dropout: mixture.options.dropout };
  });
  if (ways.every((way) => way === null)) return { index: null, segments, ways };
  const index: number[] = [];
  const spread = segments.map((segment, i): Segment => {
    const start = index.length;
    const k = ways[i]?.k ?? 1;
    for (let row = segment.start; row < segment.end; row++) for (let way = 0; way < k; way++) index.push(row);
    return { ...segment, start, end: index.length, choice: choiceOfRows(ways[i] ?? null, segment) };
  });
  return { index: tensor1d(index, "int32"), segments: spread, ways };
}

/** A token's ways are those of each of its rows. */
function choiceOfRows(ways: Ways | null, { start, end, perToken }: Segment): Tensor2D | null {
  if (!ways) return null;
  const index = Array.from({ length: (end - start) * ways.k }, (_, i) => {
    const token = Math.floor(i / (perToken * ways.k));
    return token * ways.k + (i % ways.k);
  });
  return perToken === 1 ? ways.choice : (gather(ways.choice, tensor1d(index, "int32")) as Tensor2D);
}

/** The weighted sum of the ways of each row. */
function gatherWays(outputs: Tensor2D, { index, segments, ways }: Plan): Tensor2D {
  if (!index) return outputs;
  const width = outputs.shape[1];
  const parts = segments.map((segment, i) => {
    const own = cut(outputs, segment.start, segment.end);
    const way = ways[i];
    if (!way) return own;
    const n = own.shape[0] / way.k;
    const weights = weightsOfRows(way, n, segment.perToken);
    const sum = reshape(matMul(reshape(weights, [n, 1, way.k]), reshape(own, [n, way.k, width])), [n, width]);
    return withOwnRandomness(way.label, () => dropout(sum, way.dropout)) as Tensor2D;
  });
  return parts.length === 1 ? parts[0]! : concat(parts, 0);
}

function weightsOfRows({ weights }: Ways, n: number, perToken: number): Tensor2D {
  if (perToken === 1) return weights;
  const tokens = Int32Array.from({ length: n }, (_, row) => Math.floor(row / perToken));
  return gather(weights, tensor1d(tokens, "int32")) as Tensor2D;
}

/** The base's own products. */
function productsOf(
  module: FeedForward,
): (part: "gateProj" | "upProj" | "downProj", x: Tensor2D, groups: RowGroups | null) => Tensor2D {
  if (module instanceof GatedMlp) return (part, x) => module[part].map(x) as Tensor2D;
  return (part, x, groups) => groupedLinear(x, module[part].weight, groups!, module[`${part}Bias`]?.vectors);
}

function matricesOf(module: FeedForward): number {
  return module instanceof GatedMlp ? 1 : module.gateProj.shape[0]!;
}
