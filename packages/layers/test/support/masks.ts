import { AttentionMask } from "@mixtape/ops";
import type { Masks } from "../../src/index.js";

/** Masks of queries without padding. */
export class TestMasks implements Masks {
  readonly documentIds = null;
  readonly queries: number;
  readonly #made: AttentionMask[] = [];

  constructor(queries: number) {
    this.queries = queries;
  }

  of(keys: number, window: number | null): AttentionMask {
    const mask = new AttentionMask({ queries: this.queries, keys, window });
    this.#made.push(mask);
    return mask;
  }

  dispose(): void {
    for (const mask of this.#made) mask.dispose();
  }
}
