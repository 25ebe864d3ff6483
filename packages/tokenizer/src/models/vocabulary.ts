import { badValue, type Fields, isId, isObject } from "../fields.js";

/**
 * Tokens and their ids, which may have gaps and be as high as 2^32 - 1. Each id also has an index, without gaps, for
 * tables. If two tokens have one id, the id refers to the later one.
 */
export class Vocabulary {
  readonly #indices = new Map<string, number>();
  /** Indices by id; undefined while they are equal, as in most vocabularies. */
  #indexOfId: Map<number, number> | undefined;
  readonly #ids: number[] = [];
  readonly #tokens: string[] = [];
  readonly maxId: number;

  /** Reads `vocab`: an object or, if it does not come from JSON, a `Map` of tokens to ids. */
  constructor(model: Fields) {
    const vocab = model.get("vocab");
    const where = model.at("vocab");
    if (!isObject(vocab)) throw badValue(where, "an object of tokens to ids", vocab);
    let maxId = -1;
    const add = (id: unknown, token: string): void => {
      if (!isId(id)) throw badValue(`${where}[${JSON.stringify(token)}]`, "an id from 0 to 4294967295", id);
      const index = this.#indexAt(id) ?? this.#addId(id);
      this.#tokens[index] = token;
      this.#indices.set(token, index);
      if (id > maxId) maxId = id;
    };
    // Without an array for each entry: there are hundreds of thousands.
    if (vocab instanceof Map) (vocab as Map<string, unknown>).forEach(add);
    else for (const token of Object.keys(vocab)) add(vocab[token], token);
    this.maxId = maxId;
  }

  /** Number of tokens. */
  get size(): number {
    return this.#indices.size;
  }

  /** Returns the index of a token, or undefined. */
  indexOf(token: string): number | undefined {
    return this.#indices.get(token);
  }

  /** Returns all tokens with their indices. */
  entries(): Iterable<[token: string, index: number]> {
    return this.#indices.entries();
  }

  /** Returns the id at an index. */
  idAt(index: number): number {
    return this.#ids[index] as number;
  }

  idOf(token: string): number | undefined {
    const index = this.#indices.get(token);
    return index === undefined ? undefined : this.#ids[index];
  }

  tokenOf(id: number): string | undefined {
    const index = this.#indexAt(id);
    return index === undefined ? undefined : this.#tokens[index];
  }

  #indexAt(id: number): number | undefined {
    if (this.#indexOfId) return this.#indexOfId.get(id);
    return id < this.#ids.length ? id : undefined;
  }

  #addId(id: number): number {
    const index = this.#ids.push(id) - 1;
    if (this.#indexOfId) this.#indexOfId.set(id, index);
    else if (id !== index) this.#indexOfId = new Map(this.#ids.map((one, i) => [one, i]));
    return index;
  }
}
