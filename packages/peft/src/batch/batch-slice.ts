import { groupRows, type RowGroups } from "@mixtape/ops";
import { concat, type Rank, slice, split, type Tensor1D, type Tensor2D } from "@tensorflow/tfjs-core";
import type { AdapterLayer } from "../layers/adapter-layer.js";
import type { CopiedParam } from "../layers/copied-param.js";
import type { NamedRouter } from "../routing/mixlora-router.js";
import type { Sequences } from "../routing/sequences.js";
import type { FeedForward, TargetModule } from "../targets/target-module.js";

/** Layers and routers of an adapter. */
export interface AdapterLayers {
  readonly name: string;
  readonly copies: readonly CopiedParam[];
  layerAt(target: TargetModule): AdapterLayer | undefined;
  routerAt(feedForward: FeedForward): NamedRouter | undefined;
  /** Receives router logits `[N, E]`, with the router's module and the number of rows per token. */
  onRouting(logits: Tensor2D, module: string, rowsPerToken: number, used: Uint8Array | null): void;
}

/** Contiguous rows of a batch with one adapter; null for the model alone. */
export interface BatchSlice {
  readonly adapter: AdapterLayers | null;
  readonly start: number;
  readonly end: number;
  /** Sequences of its tokens. */
  readonly sequences: () => Sequences;
  /** Number of rows per token. */
  readonly perToken: number;
  /** `[N, E]`: see {@link Rows.assignment} */
  readonly assignment: Tensor2D | null;
}

/**
 * Applies adapters to a base's output, each to its rows.
 * @param x `[N, in]` @param y `[N, out]` @param ids int32 `[N]`, the matrix of the target module for each row @returns `[N, out]`
 */
export function adapt(
  target: TargetModule,
  x: Tensor2D,
  y: Tensor2D,
  slices: readonly BatchSlice[],
  ids: Tensor1D | null,
): Tensor2D {
  if (!slices.some(({ adapter }) => adapter?.layerAt(target))) return y;
  const [inputs, outputs] = [cutAll(x, slices), cutAll(y, slices)];
  const parts = slices.map(({ adapter, start, end, assignment, perToken }, i) => {
    const own = outputs[i]!;
    const layer = adapter?.layerAt(target);
    if (!layer) return own;
    const groups = ids ? groupRows(cut(ids, start, end), target.matrices) : null;
    const onRouting = (logits: Tensor2D): void =>
      adapter!.onRouting(logits, target.name, perToken, groups && usedRows(groups));
    const label = `${adapter!.name} ${target.name}`;
    return layer.forward(inputs[i]!, own, { groups, assignment, label, onRouting });
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

/** Splits rows into slices, in one operation: its backward pass concatenates the gradients, without sums. */
export function cutAll(tensor: Tensor2D, slices: readonly BatchSlice[]): Tensor2D[] {
  if (slices.length === 1) return [tensor];
  return split(
    tensor,
    slices.map(({ start, end }) => end - start),
  );
}

/** Rows from `start` to `end`: the tensor itself where that is all. */
export function cut<T extends Tensor1D | Tensor2D>(tensor: T, start: number, end: number): T {
  if (start === 0 && end === tensor.shape[0]) return tensor;
  const rest = tensor.shape.slice(1);
  return slice<Rank, T>(tensor, [start, ...rest.map(() => 0)], [end - start, ...rest]);
}
