import type { Change } from "../unicode/normal-forms.js";
import { unitLength } from "../unicode/utf8.js";
import type { Budget } from "./budget.js";

/** A part of a text: `[start, end)` in UTF-16 units. */
export type Span = readonly [start: number, end: number];

/** Origin of each UTF-16 unit of a changed text, in units of the original text. */
interface Alignment {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/**
 * A text that normalizers change and pre-tokenizers split, which records the origin of each character. Like
 * `NormalizedString` of Python's `tokenizers`, with the same result for characters that were added or removed.
 *
 * Changes that make it longer are charged to its budget.
 *
 * If offsets are not needed, `tracked` is false, and only the text is kept.
 */
export class AlignedText {
  #text: string;
  /** Budget of the whole text. */
  readonly budget: Budget;
  /** Start of this part in the original when it was split off. */
  readonly origin: number;
  readonly #tracked: boolean;
  /** Undefined as long as each unit is unchanged. */
  #alignment: Alignment | undefined;

  constructor(text: string, tracked: boolean, budget: Budget, origin = 0, alignment?: Alignment) {
    this.#text = text;
    this.budget = budget;
    this.#tracked = tracked;
    this.origin = origin;
    this.#alignment = alignment;
  }

  get text(): string {
    return this.#text;
  }

  /** Returns the part of the original that the units `[start, end)` come from. */
  originalSpan(start: number, end: number): Span {
    return [this.#startOf(start), this.#endOf(end - 1)];
  }

  slice(start: number, end: number): AlignedText {
    if (start === 0 && end === this.#text.length && this.#startOf(0) === this.origin) return this;
    const text = this.#text.slice(start, end);
    const old = this.#alignment;
    const alignment = old && { starts: old.starts.slice(start, end), ends: old.ends.slice(start, end) };
    return new AlignedText(text, this.#tracked, this.budget, this.#startOf(start), alignment);
  }

  /** Applies a list of changes for all characters, after removing `skipped` characters at the start. */
  transform(changes: Iterable<Change>, skipped = 0): void {
    const before = this.#text.length;
    if (!this.#tracked) {
      let text = "";
      for (const { char } of changes) text += char;
      this.#text = text;
    } else this.#splice(0, before, changes, skipped);
    this.budget.grow(this.#text.length - before);
  }

  /** Prepends a text. Its characters have the origin of the first character. */
  prepend(prefix: string): void {
    if (this.#text === "") return;
    this.budget.grow(prefix.length);
    if (!this.#tracked) {
      this.#text = prefix + this.#text;
      return;
    }
    const first = this.#text.slice(0, unitLength(this.#text, 0));
    const changes: Change[] = Array.from(prefix, (char, i) => ({ char, change: i === 0 ? 0 : 1 }));
    this.#splice(0, first.length, [...changes, { char: first, change: 1 }], 0);
  }

  /** Replaces each match (`start, end, start, end …`) by a text. It has the origin of a match's last character. */
  replace(matches: readonly number[], content: string): void {
    if (matches.length === 0) return;
    this.budget.grow((matches.length / 2) * content.length - matchedUnits(matches));
    let text = "";
    const starts: number[] = [];
    const ends: number[] = [];
    let last = 0;
    const copy = (to: number): void => {
      text += this.#text.slice(last, to);
      if (this.#tracked) for (let i = last; i < to; i++) push(starts, ends, this.#startOf(i), this.#endOf(i), 1);
    };
    for (let i = 0; i < matches.length; i += 2) {
      copy(matches[i] as number);
      last = matches[i + 1] as number;
      text += content;
      if (this.#tracked) push(starts, ends, ...this.#before(last), content.length);
    }
    copy(this.#text.length);
    this.#text = text;
    if (this.#tracked) this.#alignment = { starts, ends };
  }

  /** Removes characters. */
  filter(keep: (code: number) => boolean): void {
    const changes: { char: string; change: number }[] = [];
    let skipped = 0;
    for (const char of this.#text) {
      const last = changes.at(-1);
      if (keep(char.codePointAt(0) as number)) changes.push({ char, change: 0 });
      else if (last) last.change--;
      else skipped++;
    }
    this.transform(changes, skipped);
  }

  /** Replaces each character by one or several others. */
  map(change: (char: string) => string): void {
    const changes: Change[] = [];
    for (const char of this.#text) {
      let first = true;
      for (const other of change(char)) {
        changes.push({ char: other, change: first ? 0 : 1 });
        first = false;
      }
    }
    this.transform(changes);
  }

  /** Keeps the units `[start, end)`, and the part's origin. */
  trim(start: number, end: number): void {
    const old = this.#alignment ?? (this.#tracked ? this.#identity() : undefined);
    this.#text = this.#text.slice(start, end);
    this.#alignment = old && { starts: old.starts.slice(start, end), ends: old.ends.slice(start, end) };
  }

  #splice(start: number, end: number, changes: Iterable<Change>, skipped: number): void {
    const starts: number[] = [];
    const ends: number[] = [];
    for (let i = 0; i < start; i++) push(starts, ends, this.#startOf(i), this.#endOf(i), 1);
    let at = start;
    const consume = (): void => {
      if (at < end) at += unitLength(this.#text, at);
    };
    for (let i = 0; i < skipped; i++) consume();
    let text = this.#text.slice(0, start);
    for (const { char, change } of changes) {
      const [from, to] = change > 0 ? this.#before(at) : this.#at(at);
      push(starts, ends, from, to, char.length);
      text += char;
      for (let i = change; i <= 0; i++) consume();
    }
    for (let i = end; i < this.#text.length; i++) push(starts, ends, this.#startOf(i), this.#endOf(i), 1);
    this.#text = text + this.#text.slice(end);
    this.#alignment = { starts, ends };
  }

  #before(at: number): Span {
    return at < 1 ? [this.origin, this.origin] : [this.#startOf(at - 1), this.#endOf(at - 1)];
  }

  #at(at: number): Span {
    const last = Math.min(at, this.#text.length - 1);
    return [this.#startOf(last), this.#endOf(last)];
  }

  #startOf(unit: number): number {
    if (this.#alignment) return this.#alignment.starts[unit] as number;
    return this.origin + (isLow(this.#text, unit) ? unit - 1 : unit);
  }

  #endOf(unit: number): number {
    if (this.#alignment) return this.#alignment.ends[unit] as number;
    return this.origin + unit + (isLow(this.#text, unit + 1) ? 2 : 1);
  }

  #identity(): Alignment {
    const units = Array.from({ length: this.#text.length }, (_, i) => i);
    return { starts: units.map((i) => this.#startOf(i)), ends: units.map((i) => this.#endOf(i)) };
  }
}

function matchedUnits(matches: readonly number[]): number {
  let units = 0;
  for (let i = 0; i < matches.length; i += 2) units += (matches[i + 1] as number) - (matches[i] as number);
  return units;
}

function push(starts: number[], ends: number[], start: number, end: number, units: number): void {
  for (let i = 0; i < units; i++) {
    starts.push(start);
    ends.push(end);
  }
}

function isLow(text: string, unit: number): boolean {
  const code = text.charCodeAt(unit);
  return code >= 0xdc00 && code < 0xe000;
}
