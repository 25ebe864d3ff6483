/** The filter `wordwrap`: lines of a given width, as Python's `textwrap` breaks them. */

import { bind } from "../python/arguments.js";
import { joinText } from "../python/string-methods.js";
import { isSpace, points, splitLines } from "../python/text.js";
import type { Runtime } from "../runtime.js";
import { TemplateError, typeError, valueError } from "../template-error.js";
import { type Arguments, asText, typeName, Undefined, type Value } from "../values.js";

/** White space; dashes between words; words, up to a hyphen between letters, a space, or dashes. */
const CHUNKS =
  /[\t-\r ]+|(?<=[\p{L}\p{N}_!"'&.,?])-{2,}(?=[\p{L}\p{N}_])|[^\t-\r ]+?(?:-(?:(?<=[\p{L}_]{2}-)|(?<=[\p{L}_]-[\p{L}_]-))(?=[\p{L}_]-?[\p{L}_])|(?=[\t-\r ]|$)|(?<=[\p{L}\p{N}_!"'&.,?])(?=-{2,}[\p{L}\p{N}_]))/gu;
const WORDS = /[\t-\r ]+|[^\t-\r ]+/g;

interface Wrapping {
  readonly width: number;
  readonly breakLongWords: boolean;
  readonly breakOnHyphens: boolean;
}

export function wordWrap(value: Value, args: Arguments, { budget }: Runtime): Value {
  const bound = bind("wordwrap", args, ["width?", "break_long_words?", "wrapstring?", "break_on_hyphens?"]);
  const text = asText(value);
  if (value instanceof Undefined) throw new TemplateError(value.kind, value.message);
  if (text === undefined) throw typeError(`'${typeName(value)}' object has no attribute 'splitlines'`);
  const newline = bound.optionalText("wrapstring", "\n");
  const wrapping = {
    width: bound.int("width", 79),
    breakLongWords: bound.flag("break_long_words", true),
    breakOnHyphens: bound.flag("break_on_hyphens", true),
  };
  // Each dash in a run of them looks ahead along the run.
  const dashes = Math.max(0, ...(text.match(/-{2,}/g) ?? []).map((run) => run.length));
  budget.spend((text.length * (1 + dashes)) / 16);
  const lines = splitLines(text).map((line) => joinText(wrap(line, wrapping, budget), newline, budget));
  return joinText(lines, newline, budget);
}

function wrap(line: string, { width, breakLongWords, breakOnHyphens }: Wrapping, budget: Runtime["budget"]): string[] {
  if (width <= 0) throw valueError(`invalid width ${width} (must be > 0)`);
  const chunks = (line.match(breakOnHyphens ? CHUNKS : WORDS) ?? []).map(points).reverse();
  const lines: string[] = [];
  while (chunks.length > 0) {
    const current: string[][] = [];
    let length = 0;
    if (lines.length > 0 && isBlank(chunks.at(-1))) chunks.pop();
    for (let chunk = chunks.at(-1); chunk !== undefined && length + chunk.length <= width; chunk = chunks.at(-1)) {
      budget.spend();
      current.push(chunk);
      length += chunk.length;
      chunks.pop();
    }
    const long = chunks.at(-1);
    if (long !== undefined && long.length > width) {
      if (breakLongWords) {
        const end = breakOnHyphens ? breakPoint(long, width - length) : width - length;
        current.push(long.slice(0, end));
        chunks[chunks.length - 1] = long.slice(end);
        budget.spend(1 + long.length / 16);
      } else if (current.length === 0) current.push(chunks.pop() as string[]);
    }
    if (isBlank(current.at(-1))) current.pop();
    if (current.length > 0) lines.push(current.flat().join(""));
  }
  return lines;
}

/** Returns where a word that is too long breaks: after the last hyphen that fits, unless only hyphens precede it. */
function breakPoint(word: readonly string[], room: number): number {
  const hyphen = word.slice(0, room).lastIndexOf("-");
  return hyphen > 0 && word.slice(0, hyphen).some((char) => char !== "-") ? hyphen + 1 : room;
}

function isBlank(chunk: readonly string[] | undefined): boolean {
  return chunk?.every(isSpace) === true;
}
