/** Sets of Unicode code points, answered by tables that are filled as they are asked. */

/** The code points from the first to the second. */
export type Range = readonly [first: number, last: number];

const BLOCK = 256;

/** A set of code points. */
export class CharSet {
  /** The only code point of the set, where it has one and was made so. */
  readonly single: number | undefined;
  readonly #test: (code: number) => boolean;
  readonly #source: () => string;
  readonly #blocks: (Uint8Array | undefined)[] = [];

  constructor(test: (code: number) => boolean, source: () => string, single?: number) {
    this.#test = test;
    this.#source = source;
    this.single = single;
  }

  /** The same set as a class of a JavaScript `RegExp` with the flag `v`. */
  get source(): string {
    return this.#source();
  }

  static of(code: number): CharSet {
    return new CharSet(
      (other) => other === code,
      () => `[${escaped(code)}]`,
      code,
    );
  }

  /** All code points of some ranges, in any order. */
  static ranges(ranges: readonly Range[]): CharSet {
    const sorted = merged(ranges);
    if (sorted.length === 1 && sorted[0]![0] === sorted[0]![1]) return CharSet.of(sorted[0]![0]);
    const test = (code: number): boolean => {
      let low = 0;
      let high = sorted.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (sorted[middle]![1] < code) low = middle + 1;
        else high = middle;
      }
      return low < sorted.length && sorted[low]![0] <= code;
    };
    return new CharSet(test, () => `[${sorted.map(classRange).join("")}]`);
  }

  /** What a class of JavaScript matches, such as `\p{L}`. */
  static native(source: string): CharSet {
    const regex = new RegExp(source, "u");
    return new CharSet(
      (code) => regex.test(String.fromCodePoint(code)),
      () => source,
    );
  }

  static union(sets: readonly CharSet[]): CharSet {
    if (sets.length === 1) return sets[0]!;
    return new CharSet(
      (code) => sets.some((set) => set.#test(code)),
      () => `[${sets.map((set) => set.source).join("")}]`,
    );
  }

  intersection(other: CharSet): CharSet {
    return new CharSet(
      (code) => this.#test(code) && other.#test(code),
      () => `[${this.source}&&${other.source}]`,
    );
  }

  negated(): CharSet {
    return new CharSet(
      (code) => !this.#test(code),
      () => `[^${this.source}]`,
    );
  }

  has(code: number): boolean {
    const block = this.#blocks[code >>> 8] ?? this.#fill(code >>> 8);
    return block[code & (BLOCK - 1)] === 1;
  }

  #fill(index: number): Uint8Array {
    const first = index * BLOCK;
    const block = Uint8Array.from({ length: BLOCK }, (_, i) => (this.#test(first + i) ? 1 : 0));
    this.#blocks[index] = block;
    return block;
  }
}

/** Every code point. */
export const ANY = CharSet.ranges([[0, 0x10ffff]]);
/** Every code point but the line feed. */
export const ANY_BUT_NEWLINE = CharSet.of(10).negated();

/** The ranges in order, those that touch joined. */
function merged(ranges: readonly Range[]): readonly Range[] {
  const result: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = result.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else result.push([first, last]);
  }
  return result;
}

function classRange([first, last]: Range): string {
  return first === last ? escaped(first) : `${escaped(first)}-${escaped(last)}`;
}

function escaped(code: number): string {
  return `\\u{${code.toString(16)}}`;
}
