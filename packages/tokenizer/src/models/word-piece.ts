import type { Fields } from "../fields.js";
import { Trie } from "../tables/trie.js";
import { TokenizerError } from "../tokenizer-error.js";
import { byteLength } from "../unicode/utf8.js";
import type { Model, WordTokens } from "./model.js";
import { Vocabulary } from "./vocabulary.js";

/**
 * WordPiece (Schuster and Nakajima 2012): repeatedly takes the longest token that is a prefix of the rest of a word.
 */
export class WordPiece implements Model {
  readonly #vocabulary: Vocabulary;
  readonly #trie = new Trie();
  /** Node after the prefix of continuation tokens, or -1. */
  readonly #continuation: number;
  readonly #unknown: string;
  readonly #maxLength: number;
  readonly #where: string;

  constructor(model: Fields) {
    this.#where = model.where;
    this.#unknown = model.string("unk_token");
    this.#maxLength = model.whole("max_input_chars_per_word");
    const prefix = model.string("continuing_subword_prefix");
    this.#vocabulary = new Vocabulary(model);
    for (const [token, index] of this.#vocabulary.entries()) this.#trie.add(token, index);
    this.#continuation = this.#walk(prefix);
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
    if (word.length > this.#maxLength && Array.from(word).length > this.#maxLength) return this.#unknownWord(word);
    const ids: number[] = [];
    const spans: number[] = [];
    let bytes = 0;
    for (let start = 0; start < word.length; ) {
      let node = start === 0 ? 0 : this.#continuation;
      let end = start;
      let index = -1;
      for (let at = start; at < word.length && node !== -1; at++) {
        node = this.#trie.next(node, word.charCodeAt(at));
        const value = node === -1 ? -1 : this.#trie.valueAt(node);
        if (value === -1) continue;
        index = value;
        end = at + 1;
      }
      if (index === -1) return this.#unknownWord(word);
      ids.push(this.#vocabulary.idAt(index));
      const length = byteLength(word.slice(start, end));
      spans.push(bytes, bytes + length);
      bytes += length;
      start = end;
    }
    return { ids, spans };
  }

  #walk(text: string): number {
    let node = 0;
    for (let i = 0; i < text.length && node !== -1; i++) node = this.#trie.next(node, text.charCodeAt(i));
    return node;
  }

  #unknownWord(word: string): WordTokens {
    const id = this.#vocabulary.idOf(this.#unknown);
    if (id !== undefined) return { ids: [id], spans: [0, byteLength(word)] };
    throw new TokenizerError({
      where: `${this.#where}.unk_token`,
      expected: "a token of the vocabulary, for a word that it does not have",
      got: JSON.stringify(this.#unknown),
    });
  }
}
