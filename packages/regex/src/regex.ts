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

/** Options of a regular expression. */
export interface RegexOptions {
  readonly syntax: RegexSyntax;
}

/** Range of a match, in UTF-16 units; never within a code point. */
export interface RegexMatch {
  readonly start: number;
  readonly end: number;
}

/**
 * A compiled regular expression. The number of steps of each method is bounded by the length of the pattern times that
 * of the text. All methods throw a {@link RegexError} if a large pattern on a text takes more than 2 million steps plus
 * 200 for each UTF-16 unit.
 */
export class Regex {
  readonly source: string;
  readonly syntax: RegexSyntax;
  readonly #program: Program;

  /** @throws {RegexError} for an invalid pattern, or one with unsupported features. */
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

  /** Whether the whole text matches, like Python's `fullmatch`. */
  fullMatch(text: string): boolean {
    return new Matcher(this.#program, text).match(0, { ...ANYWHERE, end: text.length }) !== NONE;
  }

  /** Returns the match that begins at an index, like Python's `match`; undefined if there is none. */
  match(text: string, from = 0): RegexMatch | undefined {
    const end = new Matcher(this.#program, text).match(from, ANYWHERE);
    return end === NONE ? undefined : { start: from, end };
  }

  /** Returns the first match that begins at an index or later, like Python's `search`; undefined if there is none. */
  search(text: string, from = 0): RegexMatch | undefined {
    return this.#search(new Matcher(this.#program, text), text, from);
  }

  /**
   * Yields all matches that do not overlap, from left to right. Empty matches follow Python's `finditer`, or
   * `tokenizers` for Oniguruma: there, an empty match never directly follows another match.
   *
   * @param steps shared with other calls, for a text that is matched in pieces or by several patterns. Default: a
   *   budget for this call.
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
      // The memo holds for matches that are not empty.
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
 * Compiles a regular expression from a file. The matching time is bounded by pattern times text, for any pattern.
 *
 * @throws {RegexError} for a pattern that is invalid in its syntax, uses unsupported features such as backreferences,
 *   conditionals or calls, or is too large.
 */
export function compileRegex(source: string, options: RegexOptions): Regex {
  return new Regex(source, options);
}

const ANYWHERE: Goal = { end: -1, notEnd: -1 };

/** Returns the units of the code point at an index; 1 beyond the end, so that a search terminates. */
function widthAt(text: string, index: number): number {
  return (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
}
