import type { Fields } from "../fields.js";
import { TokenizerError } from "../tokenizer-error.js";
import { byteLength } from "../unicode/utf8.js";
import type { Model, WordTokens } from "./model.js";
import { Vocabulary } from "./vocabulary.js";

/** A token for each word. */
export class WordLevel implements Model {
  readonly #vocabulary: Vocabulary;
  readonly #unknown: string;
  readonly #where: string;

  constructor(model: Fields) {
    this.#where = model.where;
    this.#unknown = model.string("unk_token");
    this.#vocabulary = new Vocabulary(model);
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
    const id = this.idOf(word) ?? this.idOf(this.#unknown);
    if (id !== undefined) return { ids: [id], spans: [0, byteLength(word)] };
    throw new TokenizerError({
      where: `${this.#where}.unk_token`,
      expected: "a token of the vocabulary, for a word that it does not have",
      got: JSON.stringify(this.#unknown),
    });
  }
}
