import type { Fields } from "../fields.js";
import { badValue } from "../fields.js";
import { MinHeap } from "../tables/min-heap.js";
import { PairTable } from "../tables/pair-table.js";
import { TokenizerError } from "../tokenizer-error.js";
import { byteLength, encodeUtf8 } from "../unicode/utf8.js";
import { byteToken } from "./byte-tokens.js";
import type { Model, WordTokens } from "./model.js";
import { Vocabulary } from "./vocabulary.js";

/** Maximum number and length of cached words. */
const CACHE_WORDS = 20_000;
const CACHE_LENGTH = 128;

/** Queue keys are `rank * MAX_WORD + position`, whole numbers below 2^53. */
const MAX_WORD = 2 ** 28;
const MAX_MERGES = 2 ** 25;
const MAX_MARK = 16;

/** A word in pieces: a linked list, so that a merge takes constant time in a long word. */
interface Symbols {
  /** Index of each piece's token; -1 for one that was merged into the previous piece. */
  readonly tokens: number[];
  /** Length of each piece in bytes. */
  readonly lengths: number[];
}

/** Byte-pair encoding (Sennrich et al. 2016): merges neighbours in the order of the merges. */
export class Bpe implements Model {
  readonly #vocabulary: Vocabulary;
  /** Rank of the merge of two tokens' indices. */
  readonly #ranks: PairTable;
  /** The token that each merge produces. */
  readonly #merged: number[] = [];
  readonly #unknown: string | null;
  readonly #prefix: string;
  readonly #suffix: string;
  readonly #fuseUnknown: boolean;
  readonly #byteFallback: boolean;
  readonly #ignoreMerges: boolean;
  readonly #where: string;
  readonly #cache = new Map<string, WordTokens>();

  constructor(model: Fields) {
    this.#where = model.where;
    this.#unknown = model.optionalString("unk_token");
    this.#prefix = readMark(model, "continuing_subword_prefix");
    this.#suffix = readMark(model, "end_of_word_suffix");
    this.#fuseUnknown = model.boolean("fuse_unk", false);
    this.#byteFallback = model.boolean("byte_fallback", false);
    this.#ignoreMerges = model.boolean("ignore_merges", false);
    refuseDropout(model);
    this.#vocabulary = new Vocabulary(model);
    const merges = model.array("merges");
    if (merges.length > MAX_MERGES) throw badValue(model.at("merges"), `at most ${MAX_MERGES} merges`, merges.length);
    this.#ranks = new PairTable(merges.length);
    for (let rank = 0; rank < merges.length; rank++) this.#addMerge(rank, merges[rank], merges[0]);
  }

  get size(): number {
    return this.#vocabulary.size;
  }

  get maxId(): number {
    return this.#vocabulary.maxId;
  }

  idOf(token: string): number | undefined {
    return this.#vocabulary.idOf(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#vocabulary.tokenOf(id);
  }

  tokenize(word: string): WordTokens {
    const known = this.#cache.get(word);
    if (known) return known;
    const tokens = this.#tokenize(word);
    if (word.length <= CACHE_LENGTH) {
      if (this.#cache.size >= CACHE_WORDS) this.#cache.clear();
      this.#cache.set(word, tokens);
    }
    return tokens;
  }

  #tokenize(word: string): WordTokens {
    if (this.#ignoreMerges) {
      const id = this.#vocabulary.idOf(word);
      if (id !== undefined) return { ids: [id], spans: [0, byteLength(word)] };
    }
    const symbols = this.#symbolsOf(word);
    this.#mergeAll(symbols);
    const ids: number[] = [];
    const spans: number[] = [];
    let at = 0;
    for (const [i, token] of symbols.tokens.entries()) {
      if (token === -1) continue;
      ids.push(this.#vocabulary.idAt(token));
      spans.push(at, at + (symbols.lengths[i] as number));
      at += symbols.lengths[i] as number;
    }
    return { ids, spans };
  }

  /**
   * Returns the characters of a word as tokens. A character without a token becomes bytes, or the unknown token, or
   * nothing.
   */
  #symbolsOf(word: string): Symbols {
    const tokens: number[] = [];
    const lengths: number[] = [];
    let unknown = 0;
    const add = (token: number, length: number): void => {
      tokens.push(token);
      lengths.push(length);
    };
    const endUnknown = (): void => {
      if (unknown > 0) add(this.#unknownIndex(), unknown);
      unknown = 0;
    };
    for (let at = 0; at < word.length; ) {
      const char = String.fromCodePoint(word.codePointAt(at) as number);
      const first = at === 0;
      at += char.length;
      const spelt = `${first ? "" : this.#prefix}${char}${at === word.length ? this.#suffix : ""}`;
      const token = this.#vocabulary.indexOf(spelt);
      if (token !== undefined) {
        endUnknown();
        add(token, byteLength(char));
        continue;
      }
      // As in the reference, bytes precede a pending unknown token.
      const bytes = this.#byteFallback ? this.#bytesOf(spelt) : undefined;
      if (bytes) for (const byte of bytes) add(byte, 1);
      else if (this.#unknown !== null) {
        this.#unknownIndex();
        if (!this.#fuseUnknown) endUnknown();
        unknown += byteLength(char);
      }
    }
    endUnknown();
    return { tokens, lengths };
  }

  #bytesOf(text: string): number[] | undefined {
    const tokens: number[] = [];
    for (const byte of encodeUtf8(text)) {
      const token = this.#vocabulary.indexOf(byteToken(byte));
      if (token === undefined) return undefined;
      tokens.push(token);
    }
    return tokens;
  }

  #unknownIndex(): number {
    const index = this.#vocabulary.indexOf(this.#unknown as string);
    if (index !== undefined) return index;
    throw new TokenizerError({
      where: `${this.#where}.unk_token`,
      expected: "a token of the vocabulary, for a character that it does not have",
      got: JSON.stringify(this.#unknown),
    });
  }

  /** Merges by rank, and from left to right for equal ranks. */
  #mergeAll({ tokens, lengths }: Symbols): void {
    const count = tokens.length;
    if (count < 2) return;
    const next = Array.from({ length: count }, (_, i) => i + 1);
    const previous = Array.from({ length: count }, (_, i) => i - 1);
    const queue = new MinHeap();
    const offer = (left: number, right: number): void => {
      const rank = this.#ranks.get(tokens[left] as number, tokens[right] as number);
      if (rank !== -1) queue.push(rank * MAX_WORD + left);
    };
    for (let i = 0; i + 1 < count; i++) offer(i, i + 1);
    while (queue.size > 0) {
      const top = queue.pop();
      const left = top % MAX_WORD;
      const merged = this.#merged[(top - left) / MAX_WORD] as number;
      const right = next[left] as number;
      if (tokens[left] === -1 || right >= count) continue;
      // The pieces may have changed since they were queued.
      const rank = this.#ranks.get(tokens[left] as number, tokens[right] as number);
      if (rank === -1 || this.#merged[rank] !== merged) continue;
      tokens[left] = merged;
      lengths[left]! += lengths[right] as number;
      tokens[right] = -1;
      const behind = next[right] as number;
      next[left] = behind;
      if (behind < count) previous[behind] = left;
      const before = previous[left] as number;
      if (before >= 0) offer(before, left);
      if (behind < count) offer(left, behind);
    }
  }

  /**
   * Adds a merge: a pair of texts, or, in older files, one text with a space between. All have the form of the first.
   */
  #addMerge(rank: number, merge: unknown, first: unknown): void {
    const old = typeof first === "string";
    if (old && typeof merge === "string" && merge.startsWith("#version")) return;
    const pair: unknown = old && typeof merge === "string" ? merge.split(" ") : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== "string" || typeof pair[1] !== "string")
      throw badValue(this.#mergeAt(rank), "two tokens", merge);
    const [left, right] = pair as [string, string];
    const merged = this.#indexIn(rank, left + right.slice(this.#prefix.length));
    this.#ranks.set(this.#indexIn(rank, left), this.#indexIn(rank, right), rank);
    this.#merged[rank] = merged;
  }

  #indexIn(rank: number, token: string): number {
    const index = this.#vocabulary.indexOf(token);
    if (index === undefined) throw badValue(this.#mergeAt(rank), "tokens of the vocabulary", token);
    return index;
  }

  #mergeAt(rank: number): string {
    return `${this.#where}.merges[${rank}]`;
  }
}

/**
 * Reads the mark of a part of a word. It is added at every character, and may be split into bytes: a long one is
 * refused.
 */
function readMark(model: Fields, key: string): string {
  const mark = model.optionalString(key) ?? "";
  if (mark.length > MAX_MARK) throw badValue(model.at(key), `at most ${MAX_MARK} characters`, mark.length);
  return mark;
}

/** Refuses dropout, which omits merges at random: its result is unpredictable, in the reference too. */
function refuseDropout(model: Fields): void {
  const dropout = model.get("dropout") ?? 0;
  if (dropout === 0) return;
  throw badValue(
    model.at("dropout"),
    "null or 0, for the same ids at every run",
    dropout,
    'Set "dropout": null in tokenizer.json: it is a setting for the training of a model',
  );
}
