import { compile } from "./compile.js";
import { type Goal, Matcher, NONE } from "./matcher.js";
import { parseOniguruma } from "./parse-oniguruma.js";
import { parsePython } from "./parse-python.js";
import { shown } from "./parser.js";
import type { Program } from "./program.js";
import { RegexError } from "./regex-error.js";
import type { StepBudget } from "./step-budget.js";

/** The syntax of a pattern: Python's `re` for text, or Oniguruma's own. */
export type RegexSyntax = "python" | "oniguruma";

/** How a pattern is read. */
export interface RegexOptions {
  readonly syntax: RegexSyntax;
}

/** Where a match lies, in UTF-16 units; never within a code point. */
export interface RegexMatch {
  readonly start: number;
  readonly end: number;
}

/**
 * A compiled regular expression. Methods take a number of steps that is bounded by the length of the pattern times that of the text.
 * All of them throw a {@link RegexError} where a large pattern on a text takes more than 2 million steps plus 200 for each
 * UTF-16 unit.
 */
export class Regex {
  readonly source: string;
  readonly syntax: RegexSyntax;
  readonly #program: Program;

  /** @throws {RegexError} for a pattern that is not valid, or uses what is not supported. */
  constructor(source: string, { syntax }: RegexOptions) {
    if (typeof source !== "string" || (syntax !== "python" && syntax !== "oniguruma"))
      throw new RegexError({
        where: "compileRegex",
        expected: 'a pattern and { syntax: "python" | "oniguruma" }',
        got: `${shown(String(source))} and ${shown(String(syntax))}`,
      });
    this.source = source;
    this.syntax = syntax;
    this.#program = compile(syntax === "python" ? parsePython(source) : parseOniguruma(source), source);
  }

  /** Whether the whole text matches, as Python's `fullmatch`. */
  fullMatch(text: string): boolean {
    return new Matcher(this.#program, text).match(0, { ...ANYWHERE, end: text.length }) !== NONE;
  }

  /** The match that begins at an index, as Python's `match`; undefined where there is none. */
  match(text: string, from = 0): RegexMatch | undefined {
    const end = new Matcher(this.#program, text).match(from, ANYWHERE);
    return end === NONE ? undefined : { start: from, end };
  }

  /** The first match that begins at an index or later, as Python's `search`; undefined where there is none. */
  search(text: string, from = 0): RegexMatch | undefined {
    return this.#search(new Matcher(this.#program, text), text, from);
  }

  /**
   * All matches that do not overlap, from left to right, one at a time. Empty matches come as they do in Python's `finditer`, or as in
   * `tokenizers` for Oniguruma: there none follows a match without a character between them.
   *
   * @param steps shared with other calls, where a text is matched piece by piece or by several patterns; its own unless given
   */
  *matchAll(text: string, steps?: StepBudget): Generator<RegexMatch, void, undefined> {
    const matcher = new Matcher(this.#program, text, steps);
    let last: RegexMatch | undefined;
    for (;;) {
      last = this.#next(matcher, text, last);
      if (last === undefined) return;
      yield last;
      matcher.release(last.end);
    }
  }

  #next(matcher: Matcher, text: string, last: RegexMatch | undefined): RegexMatch | undefined {
    const from = last?.end ?? 0;
    const wasEmpty = last?.start === from;
    if (this.syntax === "python" && wasEmpty) {
      const end = matcher.match(from, { ...ANYWHERE, notEnd: from });
      // What was learnt there held for matches that are not empty.
      matcher.forget(from);
      return end === NONE ? this.#search(matcher, text, from + widthAt(text, from)) : { start: from, end };
    }
    const match = this.#search(matcher, text, from);
    const isRefused = this.syntax === "oniguruma" && last !== undefined && match?.end === from;
    return isRefused ? this.#search(matcher, text, from + widthAt(text, from)) : match;
  }

  #search(matcher: Matcher, text: string, from: number): RegexMatch | undefined {
    const { first } = this.#program;
    for (let start = from; start <= text.length; start += widthAt(text, start)) {
      if (first !== undefined) {
        const code = text.codePointAt(start);
        if (code === undefined) return undefined;
        if (!first.has(code)) continue;
      }
      const end = matcher.match(start, ANYWHERE);
      if (end !== NONE) return { start, end };
    }
    return undefined;
  }
}

/**
 * Compiles a regular expression that came from a file. Matching it takes time that is bounded by pattern times text, whatever it is.
 *
 * @throws {RegexError} for a pattern that is not valid in its syntax; uses backreferences, conditionals, calls or what else is not
 * supported; or is too large.
 */
export function compileRegex(source: string, options: RegexOptions): Regex {
  return new Regex(source, options);
}

const ANYWHERE: Goal = { end: -1, notEnd: -1 };

/** The units of the code point at an index; 1 behind the end, so that a search goes on to its own. */
function widthAt(text: string, index: number): number {
  return (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
}
