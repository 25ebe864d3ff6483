import { groupRows, type RowGroups } from "@mixtape/ops";
import { concat, type Rank, slice, split, type Tensor1D, type Tensor2D } from "@tensorflow/tfjs-core";
import type { Piece } from "../layers/adapter-layer.js";
import type { CopiedParam } from "../layers/copied-param.js";
import type { NamedMixture } from "../routing/mixlora-router.js";
import type { Texts } from "../routing/sequences.js";
import type { FeedForward, Site } from "../targets/target-module.js";

/** What an adapter has at the places of a model. */
export interface Pieces {
  readonly name: string;
  readonly copies: readonly CopiedParam[];
  pieceAt(site: Site): Piece | undefined;
  mixtureAt(feedForward: FeedForward): NamedMixture | undefined;
  /** Takes the logits of a router of the adapter, `[N, E]`, with what it stands at and how many rows belong to one token. */
  onRouting(logits: Tensor2D, module: string, rowsPerToken: number, used: Uint8Array | null): void;
}

/** Rows of a batch, one after the other, that belong to one adapter; to none where it is null. */
export interface Segment {
  readonly adapter: Pieces | null;
  readonly start: number;
  readonly end: number;
  /** The texts of its tokens. */
  readonly texts: () => Texts;
  /** How many rows there are for one token. */
  readonly perToken: number;
  /** `[N, E]`: see {@link Rows.choice} */
  readonly choice: Tensor2D | null;
}

/**
 * What adapters make of a base's output: each gets its rows.
 * @param x `[N, in]` @param y `[N, out]` @param ids int32 `[N]`, which of the site's matrices each row meets @returns `[N, out]`
 */
export function adapt(
  site: Site,
  x: Tensor2D,
  y: Tensor2D,
  segments: readonly Segment[],
  ids: Tensor1D | null,
): Tensor2D {
  if (!segments.some(({ adapter }) => adapter?.pieceAt(site))) return y;
  const [inputs, outputs] = [cutAll(x, segments), cutAll(y, segments)];
  const parts = segments.map(({ adapter, start, end, choice, perToken }, i) => {
    const own = outputs[i]!;
    const piece = adapter?.pieceAt(site);
    if (!piece) return own;
    const groups = ids ? groupRows(cut(ids, start, end), site.matrices) : null;
    const onRouting = (logits: Tensor2D): void =>
      adapter!.onRouting(logits, site.name, perToken, groups && usedRows(groups));
    const label = `${adapter!.name} ${site.name}`;
    return piece.forward(inputs[i]!, own, { groups, choice, label, onRouting });
  });
  return parts.length === 1 ? parts[0]! : concat(parts, 0);
}

/** 1 for each row that goes to a matrix, 0 for one that goes to none; null if all do, or the engine does not say at once. */
function usedRows({ ids, sorted }: RowGroups): Uint8Array | null {
  if (!sorted || sorted.order.length === ids.size) return null;
  const used = new Uint8Array(ids.size);
  for (const row of sorted.order) used[row] = 1;
  return used;
}

/** The rows of each segment. At once: the way back then puts their gradients beside each other, and adds up none. */
export function cutAll(tensor: Tensor2D, segments: readonly Segment[]): Tensor2D[] {
  if (segments.length === 1) return [tensor];
  return split(
    tensor,
    segments.map(({ start, end }) => end - start),
  );
}

/** Rows from `start` to `end`: the tensor itself where that is all. */
export function cut<T extends Tensor1D | Tensor2D>(tensor: T, start: number, end: number): T {
  if (start === 0 && end === tensor.shape[0]) return tensor;
  const rest = tensor.shape.slice(1);
  return slice<Rank, T>(tensor, [start, ...rest.map(() => 0)], [end - start, ...rest]);
}
