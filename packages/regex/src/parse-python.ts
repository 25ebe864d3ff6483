/** Patterns of Python's `re` (3.13), for text. */

import { PYTHON_CASE } from "./case-folding.js";
import { ANY, ANY_BUT_NEWLINE, CharSet } from "./char-set.js";
import { ClassBuilder } from "./class-builder.js";
import { type Flags, Parser, type Quantifier, type Term } from "./parser.js";
import { PYTHON_ASCII_CLASSES, PYTHON_CLASSES } from "./properties.js";
import { type Node, sequence, widthOf } from "./syntax-tree.js";

/** Parses a pattern. @throws {RegexError} */
export function parsePython(pattern: string): Node {
  return new PythonParser(pattern).parse({
    ignoreCase: false,
    dotAll: false,
    multiline: false,
    verbose: false,
    ascii: false,
  });
}

const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** Python's own limit. */
const MAX_COUNT = 4294967294;

class PythonParser extends Parser {
  protected readonly stacksQuantifiers = false;
  readonly #names = new Set<string>();

  /** Global flags must be at the start. */
  override parse(flags: Flags): Node {
    const match = this.takeMatch(/\(\?([aiLmsux]+)\)|\(\?#[^)]*\)/y);
    return match === undefined ? super.parse(flags) : this.parse(this.#changed(flags, match[1] ?? "", ""));
  }

  protected override term(flags: Flags): Term {
    const character = this.peek();
    switch (character) {
      case "(":
        this.index++;
        return this.#group(flags);
      case "[":
        this.index++;
        return { node: { kind: "set", set: this.#class(flags) } };
      case ".":
        this.index++;
        return { node: { kind: "set", set: flags.dotAll ? ANY : ANY_BUT_NEWLINE } };
      case "^":
        this.index++;
        return { node: { kind: "position", at: flags.multiline ? "lineStart" : "textStart" }, repeatable: false };
      case "$":
        this.index++;
        return { node: { kind: "position", at: flags.multiline ? "lineEnd" : "textEndOrNewline" }, repeatable: false };
      case "*":
      case "+":
      case "?":
        throw this.error("something to repeat", `"${character}"`);
      case "{":
        if (this.quantifier() !== undefined) throw this.error("something to repeat", "a quantifier");
        break;
      case "\\":
        this.index++;
        return this.#escape(flags);
    }
    return { literal: this.next() };
  }

  protected override quantifier(): Quantifier | undefined {
    const bounds = this.#bounds();
    if (bounds === undefined) return undefined;
    const [min, max] = bounds;
    if (min > MAX_COUNT || (max !== Number.POSITIVE_INFINITY && max > MAX_COUNT))
      throw this.error(`counts up to ${MAX_COUNT}`, `{${min},${max}}`);
    if (min > max) throw this.error("a minimum count of at most the maximum", `{${min},${max}}`);
    if (this.take("?")) return { min, max, mode: "lazy" };
    return { min, max, mode: this.take("+") ? "possessive" : "greedy" };
  }

  #bounds(): readonly [number, number] | undefined {
    if (this.take("*")) return [0, Number.POSITIVE_INFINITY];
    if (this.take("+")) return [1, Number.POSITIVE_INFINITY];
    if (this.take("?")) return [0, 1];
    const match = this.takeMatch(/\{(\d*)(?:(,)(\d*))?\}/y);
    if (match === undefined) return undefined;
    const [text, least = "", comma, most = ""] = match;
    if (text === "{}") {
      this.index -= text.length;
      return undefined;
    }
    if (comma === undefined) return [Number(least), Number(least)];
    return [Number(least), most === "" ? Number.POSITIVE_INFINITY : Number(most)];
  }

  protected override literals(codes: readonly number[], flags: Flags): Node {
    return sequence(codes.map((code) => ({ kind: "set", set: literal(code, flags) })));
  }

  #group(flags: Flags): Term {
    if (!this.take("?")) return { node: this.group(flags) };
    if (this.take(":")) return { node: this.group(flags) };
    if (this.take(">")) return { node: { kind: "atomic", node: this.group(flags) } };
    if (this.take("=")) return this.#look(flags, false, false);
    if (this.take("!")) return this.#look(flags, false, true);
    if (this.take("<=")) return this.#look(flags, true, false);
    if (this.take("<!")) return this.#look(flags, true, true);
    if (this.take("#")) return this.#comment();
    if (this.take("P<")) return this.#named(flags);
    if (this.take("P=")) throw this.unsupported("a backreference");
    if (this.take("(")) throw this.unsupported("a conditional");
    const match = this.takeMatch(/([aiLmsux]*)(-[imsx]+)?([:)])/y);
    if (match === undefined) throw this.error("a group of Python's syntax", `"(?${this.peek()}"`);
    const [text, on = "", off = "", end] = match;
    if (end === ")") throw this.error("global flags at the start of the pattern", `"(?${text}"`);
    if (on === "" && off === "") throw this.error("flags", "none");
    return { node: this.group(this.#changed(flags, on, off.slice(1))) };
  }

  #changed(flags: Flags, on: string, off: string): Flags {
    if (on.includes("L")) throw this.error("flags for text", '"L"');
    if (on.includes("a") && on.includes("u")) throw this.error("one of the flags a and u", "both");
    if ([...off].some((flag) => on.includes(flag))) throw this.error("a flag on or off", "both");
    return changed(changed(flags, on, true), off, false);
  }

  #look(flags: Flags, behind: boolean, negative: boolean): Term {
    const node = this.group(flags);
    if (behind) {
      const [min, max] = widthOf(node);
      if (min !== max) throw this.error("a lookbehind of one width", "one of several");
    }
    return { node: { kind: "look", node, behind, negative } };
  }

  #comment(): Term {
    const end = this.pattern.indexOf(")", this.index);
    if (end === -1) throw this.error('a ")" after the comment', "the end of the pattern");
    this.index = end + 1;
    return undefined;
  }

  #named(flags: Flags): Term {
    const name = this.takeMatch(/([\p{L}\p{Nl}_][\p{L}\p{N}\p{Mn}\p{Mc}\p{Pc}]*)>/uy)?.[1];
    if (name === undefined) throw this.error("the name of a group", `"${this.peek()}"`);
    if (this.#names.has(name)) throw this.error("a name for one group", `${name} for two`);
    this.#names.add(name);
    return { node: this.group(flags) };
  }

  #escape(flags: Flags): Term {
    const character = this.peek();
    const word = classesOf(flags).w();
    switch (character) {
      case "A":
        this.index++;
        return { node: { kind: "position", at: "textStart" }, repeatable: false };
      case "Z":
      case "z":
        this.index++;
        return { node: { kind: "position", at: "textEnd" }, repeatable: false };
      case "b":
        this.index++;
        return { node: { kind: "position", at: "wordBoundary", word }, repeatable: false };
      case "B":
        this.index++;
        return { node: { kind: "position", at: "noWordBoundaryOfSome", word }, repeatable: false };
    }
    const set = this.#classEscape(flags);
    if (set !== undefined) return { node: { kind: "set", set } };
    if (/[1-9]/.test(character) && !/^(?:[0-3][0-7]{2})/.test(this.pattern.slice(this.index, this.index + 3)))
      throw this.unsupported("a backreference");
    return { literal: this.#characterEscape() };
  }

  /** Parses `\d` and the like; undefined for another escape. */
  #classEscape(flags: Flags): CharSet | undefined {
    const character = this.peek();
    const name = character.toLowerCase();
    if (name !== "d" && name !== "s" && name !== "w") return undefined;
    this.index++;
    const set = classesOf(flags)[name]();
    return name === character ? set : set.negated();
  }

  #characterEscape(): number {
    const octal = this.takeMatch(/0[0-7]{0,2}|[0-3][0-7]{2}/y)?.[0];
    if (octal !== undefined) return Number.parseInt(octal, 8);
    const hexadecimal = this.takeMatch(/x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})/y);
    if (hexadecimal !== undefined) return this.codePoint(hexadecimal[1] ?? hexadecimal[2] ?? hexadecimal[3]!);
    const character = this.peek();
    if (character === "N") throw this.unsupported("a character by its name");
    const control = Object.hasOwn(CONTROLS, character) ? CONTROLS[character] : undefined;
    if (control !== undefined) {
      this.index++;
      return control;
    }
    if (/[A-Za-z0-9]/.test(character)) throw this.error("an escape of Python's syntax", `"\\${character}"`);
    return this.next();
  }

  #class(flags: Flags): CharSet {
    const isNegated = this.take("^");
    const builder = new ClassBuilder();
    for (let isFirst = true; isFirst || this.peek() !== "]"; isFirst = false) {
      if (this.index >= this.pattern.length) throw this.error('a "]" for each "["', "the end of the pattern");
      const low = this.#classItem(flags);
      if (this.peek() === "-" && this.peek(1) !== "]" && this.index + 1 < this.pattern.length) {
        this.index++;
        const high = this.#classItem(flags);
        if (typeof low !== "number" || typeof high !== "number" || low > high)
          throw this.error("a range of characters from low to high", "another");
        builder.addRange(low, high);
      } else if (typeof low === "number") builder.addRange(low, low);
      else builder.addSet(low);
    }
    this.index++;
    const set = builder.build(flags.ignoreCase ? PYTHON_CASE : undefined);
    return isNegated ? set.negated() : set;
  }

  #classItem(flags: Flags): CharSet | number {
    if (!this.take("\\")) return this.next();
    if (this.take("b")) return 8;
    return this.#classEscape(flags) ?? this.#characterEscape();
  }
}

function literal(code: number, { ignoreCase }: Flags): CharSet {
  return ignoreCase ? PYTHON_CASE.character(code) : CharSet.of(code);
}

function classesOf({ ascii }: Flags): typeof PYTHON_CLASSES {
  return ascii ? PYTHON_ASCII_CLASSES : PYTHON_CLASSES;
}

function changed(flags: Flags, letters: string, on: boolean): Flags {
  const has = (letter: string, old: boolean): boolean => (letters.includes(letter) ? on : old);
  return {
    ignoreCase: has("i", flags.ignoreCase),
    multiline: has("m", flags.multiline),
    dotAll: has("s", flags.dotAll),
    verbose: has("x", flags.verbose),
    ascii: letters.includes("u") ? false : has("a", flags.ascii),
  };
}
