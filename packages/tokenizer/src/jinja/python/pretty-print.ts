/** Python's `pprint.pformat`: breaks a value into lines of at most 80 characters, with sorted keys. */

import type { Budget } from "../budget.js";
import { Dict, Tuple, typeName, type Value } from "../values.js";
import { compare } from "./compare.js";
import { quote, repr } from "./repr.js";
import { isSpace, pointLength, splitLines } from "./text.js";

const WIDTH = 80;

/** Indentation of a value, and the space to reserve after it on its last line. */
interface Place {
  readonly indent: number;
  readonly allowance: number;
}

/** Formats a value. */
export function prettyPrint(value: Value, budget: Budget): string {
  return new PrettyPrinter(budget).format(value, { indent: 0, allowance: 0 }, true);
}

class PrettyPrinter {
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  format(value: Value, place: Place, outermost = false): string {
    const whole = this.#onOneLine(value);
    if (value === "" || pointLength(whole) <= WIDTH - place.indent - place.allowance) return whole;
    if (typeof value === "string") return this.#string(value, place, outermost);
    this.#budget.enter();
    const text = this.#container(value, place) ?? whole;
    this.#budget.leave();
    return text;
  }

  /** `repr` with the keys of dicts sorted. */
  #onOneLine(value: Value): string {
    this.#budget.enter();
    const list = (items: readonly Value[]) => items.map((item) => this.#onOneLine(item)).join(", ");
    let text: string;
    if (Array.isArray(value)) text = `[${list(value)}]`;
    else if (value instanceof Tuple) text = `(${list(value.items)}${value.items.length === 1 ? "," : ""})`;
    else if (value instanceof Dict) {
      const entries = this.#sorted(value);
      text = `{${entries.map(([key, item]) => `${this.#onOneLine(key)}: ${this.#onOneLine(item)}`).join(", ")}}`;
    } else text = repr(value, this.#budget);
    this.#budget.text(text.length);
    this.#budget.leave();
    return text;
  }

  /** Sorts entries by key if the keys are comparable; otherwise by the keys' types. */
  #sorted(dict: Dict): (readonly [Value, Value])[] {
    return [...dict.entries()].sort(([a], [b]) => {
      this.#budget.spend();
      try {
        return compare(a, b, "<", this.#budget);
      } catch {
        const [x, y] = [typeName(a), typeName(b)];
        return x < y ? -1 : Number(x > y);
      }
    });
  }

  #container(value: Value, { indent, allowance }: Place): string | undefined {
    const line = `,\n${" ".repeat(indent + 1)}`;
    if (value instanceof Dict) {
      const entries = this.#sorted(value).map(([key, item], index) => {
        const name = this.#onOneLine(key);
        const behind = index === value.size - 1 ? allowance + 1 : 1;
        const place = { indent: indent + 1 + pointLength(name) + 2, allowance: behind };
        return `${name}: ${this.format(item, place)}`;
      });
      return this.#join(entries, line, "{", "}");
    }
    const items = Array.isArray(value) ? value : value instanceof Tuple ? value.items : undefined;
    if (items === undefined) return undefined;
    const [open, close] = Array.isArray(value) ? ["[", "]"] : ["(", items.length === 1 ? ",)" : ")"];
    const texts = items.map((item, index) => {
      const behind = index === items.length - 1 ? allowance + close.length : 1;
      return this.format(item, { indent: indent + 1, allowance: behind });
    });
    return this.#join(texts, line, open, close);
  }

  #join(parts: readonly string[], separator: string, open: string, close: string): string {
    this.#budget.text(parts.reduce((length, part) => length + part.length + separator.length, 2));
    return open + parts.join(separator) + close;
  }

  /** Formats a string as adjacent literals, one a line: split at line ends, and after words if a line is too long. */
  #string(text: string, place: Place, outermost: boolean): string {
    // In its own brackets.
    const indent = place.indent + Number(outermost);
    const last = WIDTH - indent - place.allowance - Number(outermost);
    const lines = splitLines(text, true);
    const chunks = lines.flatMap((line, index) => {
      const isLast = index === lines.length - 1;
      const whole = quote(line, this.#budget);
      if (pointLength(whole) <= (isLast ? last : WIDTH - indent)) return [whole];
      return this.#fill(wordsWithSpace(line), WIDTH - indent, isLast ? last : WIDTH - indent);
    });
    if (chunks.length === 1) return chunks[0] as string;
    return this.#join(chunks, `\n${" ".repeat(indent)}`, outermost ? "(" : "", outermost ? ")" : "");
  }

  /** Joins words while their `repr` is at most `width` long, or `last` with the last of them. */
  #fill(words: readonly string[], width: number, last: number): string[] {
    const chunks: string[] = [];
    let current = "";
    words.forEach((word, index) => {
      const fits = pointLength(quote(current + word, this.#budget)) <= (index === words.length - 1 ? last : width);
      if (!fits && current !== "") chunks.push(quote(current, this.#budget));
      current = fits ? current + word : word;
    });
    if (current !== "") chunks.push(quote(current, this.#budget));
    return chunks;
  }
}

/** Splits into words, each with the white space after it. */
function wordsWithSpace(text: string): string[] {
  const words: string[] = [];
  let start = 0;
  for (let at = 1; at < text.length; at++) {
    if (!isSpace(text[at - 1] as string) || isSpace(text[at] as string)) continue;
    words.push(text.slice(start, at));
    start = at;
  }
  words.push(text.slice(start));
  return words;
}
