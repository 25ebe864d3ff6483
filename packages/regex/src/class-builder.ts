import type { CaseFolding } from "./case-folding.js";
import { CharSet, type Range } from "./char-set.js";

/** Collects the items of a bracket class. */
export class ClassBuilder {
  readonly #ranges: Range[] = [];
  readonly #sets = new Set<CharSet>();

  /** Adds the code points of a range. */
  addRange(first: number, last: number): void {
    this.#ranges.push([first, last]);
  }

  /** Adds the code points of a set. */
  addSet(set: CharSet): void {
    if (set.single !== undefined) this.addRange(set.single, set.single);
    else this.#sets.add(set);
  }

  /** Number of sets that a test visits; all ranges count as one. */
  get size(): number {
    return this.#sets.size + 1;
  }

  /** @param folding to ignore case */
  build(folding?: CaseFolding): CharSet {
    const ranges = this.#ranges.length > 0 || this.#sets.size === 0 ? [CharSet.ranges(this.#ranges)] : [];
    const union = CharSet.union([...ranges, ...this.#sets]);
    return folding === undefined ? union : folding.close(union);
  }
}
