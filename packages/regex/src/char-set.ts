/** Sets of Unicode code points. Sets that are slow to test memoise their answers. */

/** An inclusive range of code points. */
export type Range = readonly [first: number, last: number];

const BLOCK = 256;
/** Blocks that a set memoises, since a pattern may have thousands of sets. Further blocks are tested each time. */
const MAX_BLOCKS = 64;
const UNKNOWN = 0;
const OUT = 1;
const IN = 2;

/** Options of a {@link CharSet}. */
interface CharSetOptions {
  /** The only code point of the set. */
  readonly single?: number;
  /** Number of blocks to memoise; 0 if testing is fast. */
  readonly remembered?: number;
}

/** A set of code points. */
export class CharSet {
  /** The only code point of the set, if it was created from one. */
  readonly single: number | undefined;
  readonly #test: (code: number) => boolean;
  readonly #source: () => string;
  readonly #blocks: (Uint8Array | undefined)[] = [];
  /** Number of blocks that may still be memoised. */
  #left: number;
  readonly #isFast: boolean;

  constructor(
    test: (code: number) => boolean,
    source: () => string,
    { single, remembered = MAX_BLOCKS }: CharSetOptions = {},
  ) {
    this.#test = test;
    this.#source = source;
    this.#left = remembered;
    this.#isFast = remembered === 0;
    this.single = single;
  }

  /** The set as a class of a JavaScript `RegExp` with the flag `v`. */
  get source(): string {
    return this.#source();
  }

  static of(code: number): CharSet {
    return new CharSet(
      (other) => other === code,
      () => `[${escaped(code)}]`,
      { single: code, remembered: 0 },
    );
  }

  /** Creates a set from ranges, in any order. */
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
    return new CharSet(test, () => `[${sorted.map(classRange).join("")}]`, { remembered: 0 });
  }

  /** Creates the set of a JavaScript class, such as `\p{L}`. One source is one set, with one memo. */
  static native(source: string): CharSet {
    const known = NATIVE.get(source);
    if (known !== undefined) return known;
    const regex = new RegExp(source, "u");
    const set = new CharSet(
      (code) => regex.test(String.fromCodePoint(code)),
      () => source,
      { remembered: Number.POSITIVE_INFINITY },
    );
    NATIVE.set(source, set);
    return set;
  }

  static union(sets: readonly CharSet[]): CharSet {
    if (sets.length === 1) return sets[0]!;
    return new CharSet(
      (code) => sets.some((set) => set.has(code)),
      () => `[${sets.map((set) => set.source).join("")}]`,
    );
  }

  intersection(other: CharSet): CharSet {
    return new CharSet(
      (code) => this.has(code) && other.has(code),
      () => `[${this.source}&&${other.source}]`,
    );
  }

  negated(): CharSet {
    return new CharSet(
      (code) => !this.has(code),
      () => `[^${this.source}]`,
    );
  }

  has(code: number): boolean {
    if (this.#isFast) return this.#test(code);
    const block = this.#blocks[code >>> 8] ?? this.#newBlock(code >>> 8);
    if (block === undefined) return this.#test(code);
    const known = block[code & (BLOCK - 1)]!;
    if (known !== UNKNOWN) return known === IN;
    const answer = this.#test(code);
    block[code & (BLOCK - 1)] = answer ? IN : OUT;
    return answer;
  }

  #newBlock(index: number): Uint8Array | undefined {
    if (this.#left === 0) return undefined;
    this.#left -= 1;
    const block = new Uint8Array(BLOCK);
    this.#blocks[index] = block;
    return block;
  }
}

/** Sets of JavaScript's classes: bounded by the number of property names. */
const NATIVE = new Map<string, CharSet>();

/** Every code point. */
export const ANY = CharSet.ranges([[0, 0x10ffff]]);
/** Every code point but the line feed. */
export const ANY_BUT_NEWLINE = CharSet.of(10).negated();

/** Sorts ranges and joins those that touch. */
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
