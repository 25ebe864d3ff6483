import type { KeyPadding } from "@mixtape/ops";

/** Id that marks padding in a row. */
const PADDING = -1;
/** Id that marks an embedding in a row. */
const EMBEDDED = -2;

/** One row of a cache: its positions, padding included, and the next position id. */
export interface CachedRow {
  /** Token ids, −1 for padding and −2 for an embedding. */
  readonly ids: readonly number[];
  readonly nextPosition: number;
}

/** Tokens that a forward pass adds: B rows, L new positions, P + L in total. */
export interface AddedTokens {
  readonly rows: number;
  /** L */
  readonly length: number;
  /** `[B · L]`; null for embeddings. */
  readonly ids: ArrayLike<number> | null;
  /** `[B · L]`, or `[L]` for all rows. */
  readonly positions: ArrayLike<number>;
  /** `[B, P + L]`, 0 for padding; null if there is none. */
  readonly padding: KeyPadding | null;
}

/** Token ids and padding of a cache, row by row: to find where another text differs, and to keep padding masked. */
export class CachedTokens {
  #ids: number[][] = [];
  #next: number[] = [];

  constructor(rows: readonly CachedRow[] = []) {
    this.#ids = rows.map(({ ids }) => [...ids]);
    this.#next = rows.map(({ nextPosition }) => nextPosition);
  }

  /** B; 0 if empty. */
  get count(): number {
    return this.#ids.length;
  }

  /** Number of tokens of each row, without padding. */
  get lengths(): readonly number[] {
    return this.#ids.map(countTokens);
  }

  /** Next position id of each row. */
  get nextPositions(): readonly number[] {
    return this.#next;
  }

  /** Returns the ids of a row without its padding; null for an embedding. */
  tokens(row: number): readonly (number | null)[] {
    return (this.#ids[row] ?? []).filter((id) => id !== PADDING).map((id) => (id === EMBEDDED ? null : id));
  }

  /** `[B, P]`, 0 for padding; null if there is none. */
  get padding(): KeyPadding | null {
    if (!this.#ids.some((ids) => ids.includes(PADDING))) return null;
    return { rows: this.count, values: Uint8Array.from(this.#ids.flat(), (id) => (id === PADDING ? 0 : 1)) };
  }

  add({ rows, length, ids, positions, padding }: AddedTokens): void {
    if (this.count === 0) {
      this.#ids = Array.from({ length: rows }, () => []);
      this.#next = new Array<number>(rows).fill(0);
    }
    for (const [row, own] of this.#ids.entries()) {
      const past = own.length;
      const columns = padding?.values.subarray(row * (past + length), (row + 1) * (past + length));
      // A mask may hide positions that were visible before.
      if (columns) for (let i = 0; i < past; i++) if (columns[i] === 0) own[i] = PADDING;
      for (let i = 0; i < length; i++) {
        const isPadding = columns?.[past + i] === 0;
        own.push(isPadding ? PADDING : (ids?.[row * length + i] ?? EMBEDDED));
        if (!isPadding) this.#next[row] = positions[positions.length === length ? i : row * length + i]! + 1;
      }
    }
  }

  /** Removes all positions from `length` on. */
  truncate(length: number): void {
    for (const [row, ids] of this.#ids.entries()) this.#next[row]! -= countTokens(ids.splice(length));
    if (length === 0) this.clear();
  }

  /** Shifts row `i` to the right by `shifts[i]` positions: its last ones are removed, and padding is inserted. */
  shiftRight(shifts: readonly number[]): void {
    for (const [row, shift] of shifts.entries()) {
      const ids = this.#ids[row]!;
      this.#next[row]! -= countTokens(ids.splice(ids.length - shift));
      ids.unshift(...new Array<number>(shift).fill(PADDING));
    }
  }

  reorder(rows: readonly number[]): void {
    this.#ids = rows.map((row) => [...(this.#ids[row] ?? [])]);
    this.#next = rows.map((row) => this.#next[row] ?? 0);
  }

  clear(): void {
    this.#ids = [];
    this.#next = [];
  }

  /** Returns a copy of the rows. */
  export(): readonly CachedRow[] {
    return this.#ids.map((ids, row) => ({ ids: [...ids], nextPosition: this.#next[row]! }));
  }
}

function countTokens(ids: readonly number[]): number {
  return ids.reduce((count, id) => count + (id === PADDING ? 0 : 1), 0);
}
