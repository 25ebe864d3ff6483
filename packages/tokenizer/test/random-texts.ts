/** Texts of many scripts from a seed: the same ones as tools/reference/random_texts.py makes. */

import { readFileSync } from "node:fs";

const RANGES: readonly (readonly [first: number, last: number])[] = [
  [0x20, 0x7f],
  [0xa0, 0x17f],
  [0x180, 0x24f],
  [0x370, 0x3ff],
  [0x400, 0x52f],
  [0x590, 0x5ff],
  [0x600, 0x6ff],
  [0x900, 0x97f],
  [0xb80, 0xbff],
  [0xe00, 0xe7f],
  [0x1000, 0x109f],
  [0x10a0, 0x10ff],
  [0x1100, 0x11ff],
  [0x1e00, 0x1eff],
  [0x2000, 0x206f],
  [0x2100, 0x214f],
  [0x2150, 0x218f],
  [0x2460, 0x24ff],
  [0x3000, 0x30ff],
  [0x4e00, 0x9fff],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfb00, 0xfdff],
  [0xff00, 0xffef],
  [0x1d400, 0x1d7ff],
  [0x1f1e6, 0x1f1ff],
  [0x1f300, 0x1f64f],
  [0x20000, 0x2a6df],
];
const SPACES = [" ", "  ", "\n", "\r\n", "\t", "\r", "\xa0", "\u3000", "\u2028", "\x85", "\ufeff", "\u200b", "\x0b"];
const SYMBOLS = Array.from("0123456789.,-+*/='\"`()[]{}<>|_~^&%$#@!?;:\\");
const BASES = Array.from("aeiouncsdAEIOUNKgkнийαω");

interface Corpus {
  readonly lines: readonly string[];
  readonly tricky: readonly string[];
}

const corpus: Corpus = JSON.parse(readFileSync(new URL("./__fixtures__/corpus.json", import.meta.url), "utf8"));
const lines = corpus.lines.map((line) => Array.from(line));

/** Makes texts and ids. */
export class RandomTexts {
  #state: number;
  readonly #tokens: readonly string[];

  /** @param tokens texts to mix in, such as special tokens */
  constructor(seed: number, tokens: readonly string[]) {
    this.#state = seed;
    this.#tokens = tokens;
  }

  text(): string {
    return this.#repeat(6, () => this.#segment());
  }

  ids(size: number): number[] {
    return Array.from({ length: 1 + this.#below(12) }, () => this.#below(size));
  }

  #segment(): string {
    const kind = this.#below(12);
    if (kind < 4) {
      const line = this.#pick(lines);
      const start = this.#below(line.length);
      return line.slice(start, start + 1 + this.#below(60)).join("");
    }
    switch (kind) {
      case 4: {
        const [first, last] = this.#pick(RANGES);
        return this.#repeat(12, () => String.fromCodePoint(first + this.#below(last - first + 1)));
      }
      case 5:
        return this.#repeat(6, () => this.#anyCharacter());
      case 6:
        return this.#repeat(4, () => this.#pick(SPACES));
      case 7:
        return this.#pick(this.#tokens);
      case 8:
        return this.#repeat(20, () => String.fromCodePoint(32 + this.#below(95)));
      case 9:
        return this.#repeat(12, () => this.#pick(SYMBOLS));
      case 10:
        return this.#repeat(
          5,
          () => this.#pick(BASES) + this.#repeat(3, () => String.fromCodePoint(0x300 + this.#below(112))),
        );
      default:
        return this.#pick(corpus.tricky);
    }
  }

  #anyCharacter(): string {
    const code = this.#below(0x110000 - 0x800);
    return String.fromCodePoint(code < 0xd800 ? code : code + 0x800);
  }

  #repeat(most: number, make: () => string): string {
    const count = 1 + this.#below(most);
    let text = "";
    for (let i = 0; i < count; i++) text += make();
    return text;
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)] as T;
  }

  /** mulberry32. */
  #below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }
}
