import type { Tensor } from "@tensorflow/tfjs-core";
import { AdapterError } from "../errors.js";
import { type BatchLayout, sequencesOf } from "../routing/sequences.js";
import type { AdapterLayers, BatchSlice } from "./batch-slice.js";

/** The adapter of a batch, or one for each of its rows; null is the model alone. */
export type AdapterSelection = string | null | readonly (string | null)[];

/** A batch as a module sees it. */
export interface BatchRows {
  /** Number of rows of the module's input `[rows, in]`. */
  readonly rows: number;
  /** The module's input before it was reshaped to rows. */
  readonly x: Tensor;
  /** Layout of the layer's batch; null for a module that runs by itself. */
  readonly layout: BatchLayout | null;
}

/**
 * Cuts a batch into slices, one for each run of rows with the same adapter.
 * @throws {AdapterError} if the selection does not name an adapter for each row
 */
export function sliceBatch(
  selection: AdapterSelection,
  adapterOf: (name: string | null) => AdapterLayers | null,
  { rows, x, layout }: BatchRows,
): BatchSlice[] {
  const isOne = typeof selection === "string" || selection === null;
  const perRow = isOne ? rows : rows / selection.length;
  if (!isOne && (!Number.isInteger(perRow) || (x.rank === 3 && x.shape[0] !== selection.length)))
    throw new AdapterError({
      where: "setAdapter",
      expected: "an adapter for each row of the batch",
      got: `${selection.length} for ${x.rank === 3 ? x.shape[0] : rows} rows`,
    });
  // Without a layout, each row of the batch is one sequence.
  const length = x.rank === 3 ? x.shape[1]! : perRow;
  const known = layout ?? { queries: length, tokenMask: null, documentIds: null };
  const sliceOf = (name: string | null, start: number, end: number): BatchSlice => {
    const sequences = () => sequencesOf(known, start, end);
    return { adapter: adapterOf(name), start, end, sequences, perToken: 1, assignment: null };
  };
  if (isOne) return [sliceOf(selection, 0, rows)];
  const slices: BatchSlice[] = [];
  for (let from = 0, row = 1; row <= selection.length; row++) {
    if (row < selection.length && selection[row] === selection[from]) continue;
    slices.push(sliceOf(selection[from]!, from * perRow, row * perRow));
    from = row;
  }
  return slices;
}
