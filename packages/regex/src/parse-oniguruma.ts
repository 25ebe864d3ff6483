/** Patterns of Oniguruma (6.9) in its own syntax, as `tokenizers` uses it for `Split` and `Replace`. */

import { ONIGURUMA_CASE } from "./case-folding.js";
import { ANY, ANY_BUT_NEWLINE, CharSet } from "./char-set.js";
import { ClassBuilder } from "./class-builder.js";
import { foldedLiterals } from "./folded-literals.js";
import { type Flags, Parser, type Quantifier, type Term } from "./parser.js";
import { ONIGURUMA_CLASSES, onigurumaProperty, PYTHON_ASCII_CLASSES, posixClass } from "./properties.js";
import { choice, type Node, sequence } from "./syntax-tree.js";

/** Parses a pattern. @throws {RegexError} */
export function parseOniguruma(pattern: string): Node {
  return new OnigurumaParser(pattern).parse({
    ignoreCase: false,
    dotAll: false,
    multiline: true,
    verbose: false,
    ascii: false,
  });
}

const CONTROLS: Readonly<Record<string, number>> = { a: 7, b: 8, e: 27, f: 12, n: 10, r: 13, t: 9, v: 11 };
const MAX_COUNT = 100_000;
const MAX_SETS = 1_000;

/** `\R`: any line end. */
const LINE_END: Node = {
  kind: "atomic",
  node: choice([
    sequence([
      { kind: "set", set: CharSet.of(13) },
      { kind: "set", set: CharSet.of(10) },
    ]),
    {
      kind: "set",
      set: CharSet.ranges([
        [10, 13],
        [0x85, 0x85],
        [0x2028, 0x2029],
      ]),
    },
  ]),
};

class OnigurumaParser extends Parser {
  protected readonly stacksQuantifiers = true;

  protected override term(flags: Flags): Term {
    switch (this.peek()) {
      case "(":
        this.index++;
        return this.#group(flags);
      case "[":
        this.index++;
        return { node: this.#class(flags) };
      case ".":
        this.index++;
        return { node: { kind: "set", set: flags.dotAll ? ANY : ANY_BUT_NEWLINE } };
      case "^":
        this.index++;
        return { node: { kind: "position", at: "lineStartBeforeEnd" }, repeatable: false };
      case "$":
        this.index++;
        return { node: { kind: "position", at: "lineEnd" }, repeatable: false };
      case "*":
      case "+":
      case "?":
        throw this.error("something to repeat", `"${this.peek()}"`);
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
    const simple = this.takeMatch(/[*+?]/y)?.[0];
    if (simple !== undefined) {
      const [min, max] = { "*": [0, Infinity], "+": [1, Infinity], "?": [0, 1] }[simple] as [number, number];
      if (this.take("?")) return { min, max, mode: "lazy" };
      return { min, max, mode: this.take("+") ? "possessive" : "greedy" };
    }
    const match = this.takeMatch(/\{(\d+)(?:(,)(\d*))?\}|\{,(\d+)\}/y);
    if (match === undefined) return undefined;
    const [, least = "0", comma, most = "", only] = match;
    const min = Number(least);
    const max = only !== undefined ? Number(only) : comma === undefined ? min : most === "" ? Infinity : Number(most);
    if (min > MAX_COUNT || (max !== Infinity && max > MAX_COUNT))
      throw this.error(`counts up to ${MAX_COUNT}`, match[0]);
    if (min > max) return { min: max, max: min, mode: "possessive" };
    // `{n}?` means {n} or nothing, as `{n}` has no lazy form.
    if (comma !== undefined || only !== undefined) return { min, max, mode: this.take("?") ? "lazy" : "greedy" };
    return { min, max, mode: "greedy" };
  }

  protected override literals(codes: readonly number[], flags: Flags): Node {
    if (flags.ignoreCase) return foldedLiterals(codes, ONIGURUMA_CASE);
    return sequence(codes.map((code) => ({ kind: "set", set: CharSet.of(code) })));
  }

  #group(flags: Flags): Term {
    if (this.take("*")) throw this.unsupported("a callout");
    if (!this.take("?")) return { node: this.group(flags) };
    if (this.take(":")) return transparent(this.group(flags));
    if (this.take(">")) return { node: { kind: "atomic", node: this.group(flags) } };
    if (this.take("=")) return this.#look(flags, false, false);
    if (this.take("!")) return this.#look(flags, false, true);
    if (this.take("<=")) return this.#look(flags, true, false);
    if (this.take("<!")) return this.#look(flags, true, true);
    if (this.take("#")) return this.#comment();
    if (this.take("~")) throw this.unsupported("an absent group");
    if (this.take("(")) throw this.unsupported("a conditional");
    if (this.take("{")) throw this.unsupported("a callout");
    if (this.takeMatch(/<[\p{L}_][\p{L}\p{N}\p{M}_]*>|'[\p{L}_][\p{L}\p{N}\p{M}_]*'/uy))
      return { node: this.group(flags) };
    const match = this.takeMatch(/([imxWDSP-]*)([:)])/y);
    if (match === undefined) throw this.error("a group of Oniguruma's syntax", `"(?${this.peek()}"`);
    const inner = this.#changed(flags, match[1]!);
    if (match[2] === ":") return { node: { kind: "sequence", nodes: [this.group(inner)] } };
    return { rest: this.alternatives(inner) };
  }

  #changed(flags: Flags, letters: string): Flags {
    const result = { ...flags };
    let on = true;
    for (const letter of letters) {
      if (letter === "-") on = false;
      else if (letter === "i") result.ignoreCase = on;
      else if (letter === "m") result.dotAll = on;
      else if (letter === "x") result.verbose = on;
      else if (letter === "P") result.ascii = on;
      else throw this.unsupported(`the option ${letter}`);
    }
    return result;
  }

  #look(flags: Flags, behind: boolean, negative: boolean): Term {
    return { node: { kind: "look", node: this.group(flags), behind, negative }, repeatable: false };
  }

  #comment(): Term {
    const match = this.takeMatch(/(?:[^\\)]|\\[\s\S])*\)/y);
    if (match === undefined) throw this.error('a ")" after the comment', "the end of the pattern");
    return undefined;
  }

  #escape(flags: Flags): Term {
    const character = this.peek();
    const word = classesOf(flags).w();
    const position = (at: "textStart" | "textEndOrNewline" | "textEnd" | "wordBoundary" | "noWordBoundary"): Term => {
      this.index++;
      return { node: { kind: "position", at, word }, repeatable: false };
    };
    switch (character) {
      case "A":
        return position("textStart");
      case "Z":
        return position("textEndOrNewline");
      case "z":
        return position("textEnd");
      case "b":
        return position("wordBoundary");
      case "B":
        return position("noWordBoundary");
      case "R":
        this.index++;
        return { node: LINE_END };
      case "N":
        this.index++;
        return { node: { kind: "set", set: ANY_BUT_NEWLINE } };
      case "O":
        this.index++;
        return { node: { kind: "set", set: ANY } };
      case "G":
        throw this.unsupported("\\G, the start of the search");
      case "K":
        throw this.unsupported("\\K, which moves the start of a match");
      case "X":
      case "y":
      case "Y":
        throw this.unsupported(`\\${character}, a boundary of segments`);
      case "k":
        if (/[<']/.test(this.peek(1))) throw this.unsupported("a backreference");
        break;
      case "g":
        if (/[<']/.test(this.peek(1))) throw this.unsupported("a call of a group");
        break;
    }
    if (/[1-9]/.test(character) && !/^[0-3][0-7]{2}/.test(this.pattern.slice(this.index, this.index + 3)))
      throw this.unsupported("a backreference");
    const set = this.#classEscape(flags);
    if (set !== undefined) return { node: { kind: "set", set } };
    if (character === "b") throw this.error("an escape", '"\\b"');
    return { literal: this.#characterEscape() };
  }

  #classEscape(flags: Flags): CharSet | undefined {
    const character = this.peek();
    const name = character.toLowerCase();
    if (name === "p" && this.peek(1) === "{") return this.#property();
    if (name !== "d" && name !== "s" && name !== "w" && name !== "h") return undefined;
    this.index++;
    const set = classesOf(flags)[name]();
    return name === character ? set : set.negated();
  }

  #property(): CharSet {
    const isUpper = this.next() === 80;
    const match = this.takeMatch(/\{(\^?)([^{}^]*)\}/y);
    if (match === undefined) throw this.error("the name of a property in { }", "another");
    const [, caret, name = ""] = match;
    const set = onigurumaProperty(name);
    if (set === undefined) throw this.error("the name of a Unicode property", name);
    return isUpper !== (caret === "^") ? set.negated() : set;
  }

  #characterEscape(): number {
    const octal = this.takeMatch(/0[0-7]{0,2}|[0-3][0-7]{2}/y)?.[0];
    if (octal !== undefined) return Number.parseInt(octal, 8);
    const bracedOctal = this.takeMatch(/o\{([0-7]{1,11})\}/y)?.[1];
    if (bracedOctal !== undefined) return this.codePoint(Number.parseInt(bracedOctal, 8).toString(16));
    const braced = this.takeMatch(/x\{([\da-fA-F]{1,8})\}/y)?.[1];
    if (braced !== undefined) return this.codePoint(braced);
    const unicode = this.takeMatch(/u([\da-fA-F]{4})/y)?.[1];
    if (unicode !== undefined) return this.codePoint(unicode);
    const hexadecimal = this.takeMatch(/x([\da-fA-F]{1,2})/y)?.[1];
    if (hexadecimal !== undefined) {
      const code = this.codePoint(hexadecimal);
      if (code > 0x7f) throw this.unsupported("a byte of UTF-8 by its number");
      return code;
    }
    const character = this.peek();
    if (/[xuoCMc]/.test(character)) throw this.unsupported(`the escape \\${character}`);
    const control = Object.hasOwn(CONTROLS, character) ? CONTROLS[character] : undefined;
    if (control === undefined) return this.next();
    this.index++;
    return control;
  }

  #class(flags: Flags): Node {
    const isNegated = this.peek() === "^";
    const set = this.deeper(() => this.#classSet(flags));
    const node: Node = { kind: "set", set };
    if (!flags.ignoreCase || isNegated) return node;
    // Texts that one character of the class folds to. Texts made only of the class's own characters would be redundant.
    const texts = ONIGURUMA_CASE.expansions().filter(
      (text) =>
        ONIGURUMA_CASE.unfold(text).some((code) => set.has(code)) &&
        ![...text].every((character) => set.has(character.codePointAt(0)!)),
    );
    const literal = (text: string): Node =>
      foldedLiterals(
        [...text].map((one) => one.codePointAt(0)!),
        ONIGURUMA_CASE,
      );
    return choice([node, ...texts.map(literal)]);
  }

  /** Parses a bracket class after its "[": unions, which `&&` intersects. */
  #classSet(flags: Flags): CharSet {
    const isNegated = this.take("^");
    const folding = flags.ignoreCase ? ONIGURUMA_CASE : undefined;
    let result: CharSet | undefined;
    let builder = new ClassBuilder();
    const close = (): CharSet => {
      const set = builder.build(folding);
      return result === undefined ? set : result.intersection(set);
    };
    if (this.peek() === "]") {
      if (!this.pattern.includes("]", this.index + 1)) throw this.error("characters in a class", "none");
      this.index++;
      builder.addRange(93, 93);
    }
    let intersections = 0;
    while (!this.take("]")) {
      if (this.index >= this.pattern.length) throw this.error('a "]" for each "["', "the end of the pattern");
      if (this.take("&&")) {
        if (++intersections > MAX_SETS) throw this.error(`at most ${MAX_SETS} intersections in a class`, "more");
        result = close();
        builder = new ClassBuilder();
        continue;
      }
      this.#classItem(builder, flags);
      if (builder.size > MAX_SETS) throw this.error(`at most ${MAX_SETS} classes in a class`, "more");
    }
    const set = close();
    return isNegated ? set.negated() : set;
  }

  #classItem(builder: ClassBuilder, flags: Flags): void {
    const low = this.#classAtom(flags);
    if (typeof low !== "number") {
      if (this.peek() === "-" && this.peek(1) !== "]") throw this.error("a range between characters", "one of a class");
      builder.addSet(low);
      return;
    }
    const isRange = this.peek() === "-" && this.peek(1) !== "]" && !this.pattern.startsWith("&&", this.index + 1);
    if (isRange) this.index++;
    const high = isRange ? this.#classAtom(flags) : low;
    if (typeof high !== "number" || low > high) throw this.error("a range of characters from low to high", "another");
    builder.addRange(low, high);
  }

  #classAtom(flags: Flags): CharSet | number {
    const posix = this.takeMatch(/\[:(\^?)(\w+):\]/y);
    if (posix !== undefined) {
      const set = posixClass(posix[2]!);
      if (set === undefined) throw this.error("a POSIX bracket", posix[0]);
      return posix[1] === "^" ? set.negated() : set;
    }
    if (this.take("[")) return this.deeper(() => this.#classSet(flags));
    if (!this.take("\\")) return this.next();
    if (/[RXNOyYAZzGK]/.test(this.peek()) && this.peek() !== "") return this.next();
    return this.#classEscape(flags) ?? this.#characterEscape();
  }
}

/** Makes a node of a non-capturing group. A group with a position among its alternatives cannot be repeated. */
function transparent(node: Node): Term {
  const nodes = node.kind === "choice" ? node.nodes : [node];
  return { node, repeatable: nodes.every(({ kind }) => kind !== "position" && kind !== "look") };
}

function classesOf({ ascii }: Flags): typeof ONIGURUMA_CLASSES {
  return ascii ? { ...PYTHON_ASCII_CLASSES, h: ONIGURUMA_CLASSES.h } : ONIGURUMA_CLASSES;
}
