/** Base of both parsers: alternatives, sequences, quantifiers, and reading a pattern by code points. */

import { MAX_DEPTH, MAX_PATTERN } from "./limits.js";
import { RegexError } from "./regex-error.js";
import { choice, EMPTY, type Node, type RepeatMode, sequence } from "./syntax-tree.js";

/** Options of a part of a pattern. */
export interface Flags {
  readonly ignoreCase: boolean;
  /** `.` matches a line feed. */
  readonly dotAll: boolean;
  /** `^` and `$` match at line boundaries. */
  readonly multiline: boolean;
  /** White space and comments are ignored. */
  readonly verbose: boolean;
  /** Classes such as `\w` are ASCII only. */
  readonly ascii: boolean;
}

/**
 * Part of a sequence: a literal character, which may join others; a node; or the rest of the alternatives under new
 * flags.
 */
export type Term =
  | { readonly literal: number }
  | { readonly node: Node; readonly repeatable?: boolean }
  | { readonly rest: Node }
  | undefined;

/** Bounds of a quantifier, and whether a suffix such as `?` may follow. */
export interface Quantifier {
  readonly min: number;
  readonly max: number;
  readonly mode: RepeatMode;
}

/** Reads a pattern from left to right. Subclasses parse the terms of one syntax. */
export abstract class Parser {
  protected readonly pattern: string;
  protected index = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.pattern = pattern;
    if (pattern.length > MAX_PATTERN)
      throw this.error(`a pattern of at most ${MAX_PATTERN} characters`, `${pattern.length}`);
  }

  /** Parses the whole pattern. */
  parse(flags: Flags): Node {
    const node = this.alternatives(flags);
    if (this.index < this.pattern.length) throw this.error("a pattern", 'an unmatched ")"');
    return node;
  }

  /** Parses the term at the current index; undefined for a term without meaning, such as a comment. */
  protected abstract term(flags: Flags): Term;
  /** Parses the quantifier at the current index; undefined if there is none. */
  protected abstract quantifier(): Quantifier | undefined;
  /** Creates the node of consecutive characters. */
  protected abstract literals(codes: readonly number[], flags: Flags): Node;
  /** Whether a second quantifier may follow the first. */
  protected abstract readonly stacksQuantifiers: boolean;

  protected alternatives(flags: Flags): Node {
    return this.deeper(() => {
      const nodes = [this.#sequence(flags)];
      while (this.take("|")) nodes.push(this.#sequence(flags));
      return choice(nodes);
    });
  }

  #sequence(flags: Flags): Node {
    const nodes: Node[] = [];
    let run: number[] = [];
    const endRun = (): void => {
      if (run.length > 0) nodes.push(this.literals(run, flags));
      run = [];
    };
    while (this.index < this.pattern.length && this.peek() !== "|" && this.peek() !== ")") {
      if (flags.verbose && this.#skipBlank()) continue;
      const term = this.term(flags);
      if (term === undefined) continue;
      if ("rest" in term) {
        endRun();
        nodes.push(term.rest);
        break;
      }
      if (flags.verbose) while (this.#skipBlank());
      const start = this.index;
      const quantifier = this.quantifier();
      if (quantifier === undefined && "literal" in term) {
        run.push(term.literal);
        continue;
      }
      endRun();
      const node = "literal" in term ? this.literals([term.literal], flags) : term.node;
      if (quantifier !== undefined && "node" in term && term.repeatable === false)
        throw this.error("something that can be repeated", this.pattern.slice(start, this.index));
      nodes.push(quantifier === undefined ? node : this.#repeated(node, quantifier, flags));
    }
    endRun();
    return nodes.length === 0 ? EMPTY : sequence(nodes);
  }

  #repeated(node: Node, first: Quantifier, flags: Flags): Node {
    let result = repeat(node, first);
    for (let depth = this.#depth; ; depth++) {
      if (flags.verbose) while (this.#skipBlank());
      const next = this.quantifier();
      if (next === undefined) return result;
      if (!this.stacksQuantifiers) throw this.error("one quantifier", "several in a row");
      if (depth >= MAX_DEPTH) throw this.#tooDeep();
      result = repeat(result, next);
    }
  }

  #skipBlank(): boolean {
    const start = this.index;
    while (/[ \t\n\r\f\v]/.test(this.peek())) this.index++;
    if (this.take("#")) {
      const end = this.pattern.indexOf("\n", this.index);
      this.index = end === -1 ? this.pattern.length : end + 1;
    }
    return this.index > start;
  }

  /** Runs a nested parser, counting the depth. */
  protected deeper<T>(parse: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw this.#tooDeep();
    const result = parse();
    this.#depth--;
    return result;
  }

  /** Parses the alternatives up to `)`, which is consumed. */
  protected group(flags: Flags): Node {
    const node = this.alternatives(flags);
    if (!this.take(")")) throw this.error('a ")" for each "("', "the end of the pattern");
    return node;
  }

  /**
   * Returns the character at the index, or at a distance from it; empty at the end. Surrogates are not combined, unlike
   * in `next`.
   */
  protected peek(distance = 0): string {
    return this.pattern.charAt(this.index + distance);
  }

  protected take(text: string): boolean {
    if (!this.pattern.startsWith(text, this.index)) return false;
    this.index += text.length;
    return true;
  }

  /** Consumes the match of one of this package's own regular expressions at the index; its flag is `y`. */
  protected takeMatch(regex: RegExp): RegExpExecArray | undefined {
    regex.lastIndex = this.index;
    const match = regex.exec(this.pattern);
    if (match === null) return undefined;
    this.index += match[0].length;
    return match;
  }

  /** Consumes the code point at the index. */
  protected next(): number {
    const code = this.pattern.codePointAt(this.index);
    if (code === undefined) throw this.error("more of the pattern", "its end");
    this.index += code > 0xffff ? 2 : 1;
    return code;
  }

  /** Returns the code point of hexadecimal digits. */
  protected codePoint(digits: string): number {
    const code = Number.parseInt(digits, 16);
    if (code > 0x10ffff) throw this.error("a code point up to 10ffff", digits);
    return code;
  }

  protected error(expected: string, got: string, fix?: string): RegexError {
    return new RegexError({
      where: `regular expression ${shown(this.pattern)}`,
      expected,
      got: `${got} at ${this.index}`,
      fix,
    });
  }

  protected unsupported(what: string): RegexError {
    return this.error("what can be matched in bounded time", what, "Write the pattern without it");
  }

  #tooDeep(): RegexError {
    return this.error(`at most ${MAX_DEPTH} levels of groups and quantifiers`, "more");
  }
}

function repeat(node: Node, { min, max, mode }: Quantifier): Node {
  return { kind: "repeat", node, min, max, mode };
}

/** Formats a pattern for an error message. */
export function shown(pattern: string): string {
  return JSON.stringify(pattern.length > 60 ? `${pattern.slice(0, 60)}…` : pattern);
}
