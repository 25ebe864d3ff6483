import type { Model } from "../models/model.js";
import type { Normalizer } from "../normalizers/normalizer.js";
import { AlignedText } from "../text/aligned-text.js";
import { Budget } from "../text/budget.js";
import { TokenizerError } from "../tokenizer-error.js";
import { isWhiteSpace, isWord } from "../unicode/characters.js";
import { type AddedToken, sameToken } from "./added-token.js";
import { LongestMatches } from "./longest-matches.js";

/** A part of a text: one added token, or text for the model. */
export interface Section {
  readonly text: AlignedText;
  /** The id of the added token. */
  readonly id?: number;
}

/** Tokens to match, with their ids. */
interface Matcher {
  readonly matches: LongestMatches;
  readonly ids: readonly number[];
}

/** Tokens that were added to the model's own, as in `AddedVocabulary` of Python's `tokenizers`. */
export class AddedVocabulary {
  readonly #model: Model;
  readonly #normalizer: Normalizer | undefined;
  readonly #where: string;
  readonly #ids = new Map<string, number>();
  readonly #tokens = new Map<number, AddedToken>();
  readonly #special = new Set<string>();
  /** Normalized contents of tokens that the normalizer changes. */
  readonly #normalizedContents = new Map<number, string>();
  #maxId = -1;
  #plain: Matcher | undefined;
  #normalized: Matcher | undefined;
  #stale = false;

  constructor(model: Model, normalizer: Normalizer | undefined, where: string) {
    this.#model = model;
    this.#normalizer = normalizer;
    this.#where = where;
  }

  get maxId(): number {
    return this.#maxId;
  }

  /** Number of tokens, the model's included. */
  get size(): number {
    let own = 0;
    for (const content of this.#ids.keys()) if (this.#model.idOf(content) === undefined) own += 1;
    return this.#model.size + own;
  }

  /** Lists all tokens in the order of ids. */
  entries(): [id: number, token: AddedToken][] {
    return [...this.#tokens].sort(([a], [b]) => a - b);
  }

  /** Adds tokens. One that the model knows keeps its id; others get the next ids, regardless of the ids in the file. */
  add(tokens: readonly AddedToken[]): void {
    let next = this.#nextId();
    const budget = new Budget(
      `${this.#where}: normalizer, on added_tokens`,
      tokens.reduce((sum, { content }) => sum + content.length, 0),
    );
    for (const token of tokens) {
      if (token.content === "") continue;
      const known = this.#ids.get(token.content);
      const same = known === undefined ? undefined : this.#tokens.get(known);
      if (same && sameToken(same, token)) continue;
      const id = this.idOf(token.content) ?? next++;
      if (token.normalized) this.#rememberNormalized(id, token.content, budget);
      this.#ids.set(token.content, id);
      this.#tokens.set(id, token);
      if (token.special) this.#special.add(token.content);
      if (id > this.#maxId) this.#maxId = id;
    }
    this.#stale = true;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token) ?? this.#model.idOf(token);
  }

  /** Returns the spelling of an added token; undefined for another id. */
  contentOf(id: number): string | undefined {
    return this.#normalizedContents.get(id) ?? this.#tokens.get(id)?.content;
  }

  isSpecial(token: string): boolean {
    return this.#special.has(token);
  }

  /** Splits a text at added tokens and normalizes the parts between them. */
  split(text: AlignedText, splitSpecialTokens: boolean): Section[] {
    this.#refresh();
    const sections: Section[] = [];
    for (const section of this.#cut(text, this.#plain, splitSpecialTokens)) {
      if (section.id !== undefined) {
        sections.push(section);
        continue;
      }
      this.#normalizer?.(section.text);
      for (const part of this.#cut(section.text, this.#normalized, splitSpecialTokens)) sections.push(part);
    }
    return sections;
  }

  #nextId(): number {
    return this.#maxId >= this.#model.size || (this.#model.size === 0 && this.#maxId >= 0)
      ? this.#maxId + 1
      : this.#model.size;
  }

  #rememberNormalized(id: number, content: string, budget: Budget): void {
    if (!this.#normalizer) return;
    const text = new AlignedText(content, false, budget);
    this.#normalizer(text);
    if (text.text === "") {
      throw new TokenizerError({
        where: `${this.#where}: added token ${JSON.stringify(content)}`,
        expected: "a text that the normalizer does not remove",
        got: "a text that becomes empty",
        fix: 'Set "normalized": false for this token',
      });
    }
    if (text.text !== content) this.#normalizedContents.set(id, text.text);
  }

  #refresh(): void {
    if (!this.#stale) return;
    this.#stale = false;
    const all = this.entries();
    this.#plain = matcher(all.filter(([, token]) => !token.normalized).map(([id, { content }]) => [id, content]));
    this.#normalized = matcher(
      all
        .filter(([, token]) => token.normalized)
        .map(([id, { content }]) => [id, this.#normalizedContents.get(id) ?? content]),
    );
  }

  #cut(aligned: AlignedText, matcher: Matcher | undefined, splitSpecialTokens: boolean): Section[] {
    const text = aligned.text;
    if (text === "") return [];
    const sections: Section[] = [];
    let last = 0;
    matcher?.matches.find(text, (index, found) => {
      const id = matcher.ids[index] as number;
      const token = this.#tokens.get(id) as AddedToken;
      const pattern = this.#normalizedContents.get(id) ?? token.content;
      let start = found;
      let end = found + (token.normalized ? pattern : token.content).length;
      if (splitSpecialTokens && this.#special.has(token.content)) return;
      if (token.singleWord && (endsWithWord(text, start) || startsWithWord(text, end))) return;
      if (token.lstrip) start = Math.max(spaceBefore(text, start), last);
      if (token.rstrip) end = spaceBehind(text, end);
      if (last < start) sections.push({ text: aligned.slice(last, start) });
      if (start < end) sections.push({ text: aligned.slice(start, end), id });
      last = end;
    });
    if (last < text.length) sections.push({ text: aligned.slice(last, text.length) });
    return sections;
  }
}

function matcher(tokens: readonly (readonly [id: number, text: string])[]): Matcher | undefined {
  if (tokens.length === 0) return undefined;
  return { matches: new LongestMatches(tokens.map(([, text]) => text)), ids: tokens.map(([id]) => id) };
}

function endsWithWord(text: string, end: number): boolean {
  if (end === 0) return false;
  const low = text.charCodeAt(end - 1);
  const pair = low >= 0xdc00 && low < 0xe000 && end > 1;
  return isWord(text.codePointAt(pair ? end - 2 : end - 1) as number);
}

function startsWithWord(text: string, start: number): boolean {
  return start < text.length && isWord(text.codePointAt(start) as number);
}

function spaceBefore(text: string, end: number): number {
  let at = end;
  while (at > 0 && isWhiteSpace(text.charCodeAt(at - 1))) at--;
  return at;
}

function spaceBehind(text: string, start: number): number {
  let at = start;
  while (at < text.length && isWhiteSpace(text.charCodeAt(at))) at++;
  return at;
}
