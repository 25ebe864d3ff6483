import type { CaseFolding } from "./case-folding.js";
import { CharSet, type Range } from "./char-set.js";

/** Collects what a bracket class names. */
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

  /** How many sets, all ranges counted as one, a test has to look at. */
  get size(): number {
    return this.#sets.size + 1;
  }

  /** @param folding ignores case by it */
  build(folding?: CaseFolding): CharSet {
    const ranges = this.#ranges.length > 0 || this.#sets.size === 0 ? [CharSet.ranges(this.#ranges)] : [];
    const union = CharSet.union([...ranges, ...this.#sets]);
    return folding === undefined ? union : folding.close(union);
  }
}
