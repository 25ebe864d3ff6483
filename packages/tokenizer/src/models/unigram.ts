import { badValue, type Fields } from "../fields.js";
import { Trie } from "../tables/trie.js";
import { TokenizerError } from "../tokenizer-error.js";
import { byteLength, encodeUtf8, unitLength } from "../unicode/utf8.js";
import { byteToken } from "./byte-tokens.js";
import type { Model, WordTokens } from "./model.js";

/** Log-probability of an unknown character below that of the least likely token (sentencepiece's penalty). */
const UNKNOWN_PENALTY = 10;

/** Unigram language model (Kudo 2018): the most likely segmentation of a text, by the tokens' log-probabilities. */
export class Unigram implements Model {
  readonly #trie = new Trie();
  readonly #ids = new Map<string, number>();
  readonly #tokens: string[] = [];
  readonly #scores: number[] = [];
  readonly #unknownScore: number;
  readonly #unknown: number | undefined;
  readonly #byteFallback: boolean;
  readonly #where: string;

  constructor(model: Fields) {
    this.#where = model.where;
    const vocab = model.array("vocab");
    let least = Number.POSITIVE_INFINITY;
    for (const [id, entry] of vocab.entries()) {
      const [token, score] = tokenAndScore(entry, `${model.at("vocab")}[${id}]`);
      this.#tokens.push(token);
      this.#scores.push(score);
      this.#ids.set(token, id);
      if (token !== "") this.#trie.add(token, id);
      if (score < least) least = score;
    }
    this.#unknownScore = least - UNKNOWN_PENALTY;
    this.#byteFallback = model.boolean("byte_fallback", false);
    this.#unknown = model.get("unk_id") === null || !model.has("unk_id") ? undefined : model.whole("unk_id");
    if (this.#unknown !== undefined && this.#unknown >= vocab.length)
      throw badValue(model.at("unk_id"), `an id below the number of tokens, ${vocab.length}`, this.#unknown);
  }

  get size(): number {
    return this.#tokens.length;
  }

  get maxId(): number {
    return this.#tokens.length - 1;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#tokens[id];
  }

  tokenize(text: string): WordTokens {
    const ids: number[] = [];
    const spans: number[] = [];
    const texts: string[] = [];
    let at = 0;
    for (const piece of this.#bestPath(text)) {
      const end = at + byteLength(piece);
      for (const [id, token] of this.#idsOf(piece)) {
        ids.push(id);
        spans.push(at, end);
        texts.push(token);
      }
      at = end;
    }
    return { ids, spans, texts };
  }

  /** Returns the tokens of a piece: itself, or its bytes, or the unknown token. */
  #idsOf(piece: string): [id: number, token: string][] {
    const id = this.#ids.get(piece);
    if (id !== undefined) return [[id, piece]];
    if (this.#byteFallback) {
      const bytes = Array.from(encodeUtf8(piece), byteToken);
      const ids = bytes.map((token) => this.#ids.get(token));
      if (!ids.includes(undefined)) return bytes.map((token, i) => [ids[i] as number, token]);
    }
    return [[this.#unknownId(), piece]];
  }

  /** Viterbi's algorithm. Consecutive unknown characters are one piece. */
  #bestPath(text: string): string[] {
    const length = text.length;
    const scores = new Float64Array(length + 1);
    const starts = new Int32Array(length + 1).fill(-1);
    const ids = new Int32Array(length + 1);
    const offer = (start: number, end: number, score: number, id: number): void => {
      const total = score + (scores[start] as number);
      if (starts[end] !== -1 && total <= (scores[end] as number)) return;
      scores[end] = total;
      starts[end] = start;
      ids[end] = id;
    };
    for (let start = 0; start < length; ) {
      const next = start + unitLength(text, start);
      let single = false;
      let node = 0;
      for (let at = start; at < length; ) {
        node = this.#trie.next(node, text.charCodeAt(at++));
        if (node === -1) break;
        const id = this.#trie.valueAt(node);
        if (id === -1) continue;
        offer(start, at, this.#scores[id] as number, id);
        if (at === next) single = true;
      }
      if (!single) offer(start, next, this.#unknownScore, this.#unknownId());
      start = next;
    }
    return this.#pieces(text, starts, ids);
  }

  #pieces(text: string, starts: Int32Array, ids: Int32Array): string[] {
    const pieces: string[] = [];
    let unknownEnd = -1;
    for (let end = text.length; end > 0; ) {
      const start = starts[end] as number;
      if (ids[end] === this.#unknown) {
        if (unknownEnd === -1) unknownEnd = end;
      } else {
        if (unknownEnd !== -1) pieces.push(text.slice(end, unknownEnd));
        unknownEnd = -1;
        pieces.push(text.slice(start, end));
      }
      end = start;
    }
    if (unknownEnd !== -1) pieces.push(text.slice(0, unknownEnd));
    return pieces.reverse();
  }

  #unknownId(): number {
    if (this.#unknown !== undefined) return this.#unknown;
    throw new TokenizerError({
      where: `${this.#where}.unk_id`,
      expected: "the id of a token for characters that the vocabulary does not have",
      got: "none",
    });
  }
}

function tokenAndScore(entry: unknown, where: string): [string, number] {
  if (Array.isArray(entry) && entry.length === 2) {
    const [token, score] = entry as [unknown, unknown];
    if (typeof token === "string" && typeof score === "number") return [token, score];
  }
  throw badValue(where, "a token and its score", entry);
}
