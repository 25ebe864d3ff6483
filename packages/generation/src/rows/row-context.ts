/** One row of a batch, as processors, samplers and stopping criteria see it. */
export interface RowContext {
  /** Index of the prompt that the row continues. */
  readonly row: number;
  /** Token ids so far: the prompt's, then the new ones. Frozen; the row has a new list after each token. */
  readonly ids: readonly number[];
  /** Number of ids that belong to the prompt. */
  readonly promptLength: number;
}

/** Builds a part for each row, so that rows share no state. */
export interface PerRow<Part> {
  /** Name in errors. */
  readonly name: string;
  /** Builds the part of one row before its first new token. */
  forRow(row: RowContext): Part;
}

const views = new WeakMap<RowContext, RowContext>();

/**
 * Returns a row as code of the caller's sees it: with a frozen copy of the ids, which would otherwise be the row's own. All parts of
 * a row share the copy of a step.
 */
export function readOnly<R extends RowContext>(row: R): R {
  const known = views.get(row);
  if (known) return known as R;
  const view = viewOf(row);
  views.set(row, view);
  return view;
}

function viewOf<R extends RowContext & { readonly text?: string | undefined }>(row: R): R {
  let ids: readonly number[] = Object.freeze([]);
  const view: RowContext & { readonly text: string | undefined } = {
    row: row.row,
    promptLength: row.promptLength,
    get ids() {
      if (ids.length !== row.ids.length) ids = Object.freeze([...row.ids]);
      return ids;
    },
    get text() {
      return row.text;
    },
  };
  return Object.freeze(view) as R;
}
