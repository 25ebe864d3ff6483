/**
 * Building blocks of the patterns of byte-level tokenizers, as functions. Each takes time linear in the text that it
 * visits.
 */

import type { FindMatches } from "../text/split.js";
import { type CharacterTest, categoryMask, generalCategories, isWhiteSpace } from "../unicode/characters.js";

/** Returns the end of a match that begins at `at`; -1 if there is none. */
export type Rule = (text: string, at: number) => number;

/** Alternatives: the first rule that matches at a position is used. */
export function firstOf(...rules: Rule[]): FindMatches {
  return (text) => {
    const matches: number[] = [];
    for (let at = 0; at < text.length; ) {
      let end = -1;
      for (let i = 0; i < rules.length && end === -1; i++) end = (rules[i] as Rule)(text, at);
      if (end === -1) at += widthAt(text, at);
      else {
        matches.push(at, end);
        at = end;
      }
    }
    return matches;
  };
}

/** `\p{A}`, `[\p{A}\p{B}]`: characters of general categories, by names such as `L` or `Lu`. */
export function category(...names: string[]): CharacterTest {
  const mask = categoryMask(...names);
  let categories: Uint8Array | undefined;
  return (code) => {
    categories ??= generalCategories();
    return ((mask >>> (categories[code] as number)) & 1) === 1;
  };
}

/** `C+`, or `C{1,most}`. */
export function run(test: CharacterTest, most = Number.POSITIVE_INFINITY): Rule {
  return (text, at) => {
    const end = endOfRun(text, at, test, most);
    return end === at ? -1 : end;
  };
}

/** `P?B+T*`: an optional character, a run, an optional tail. */
export function prefixedRun(prefix: CharacterTest, body: CharacterTest, tail?: CharacterTest): Rule {
  const from = (text: string, at: number): number => {
    const end = endOfRun(text, at, body);
    return end === at ? -1 : tail ? endOfRun(text, end, tail) : end;
  };
  return (text, at) => withPrefix(text, at, prefix, from);
}

/** `P?U*L+` and an optional contraction: a word that ends in lower case. Letters without case are upper and lower. */
export function lowerWord(prefix: CharacterTest, upper: CharacterTest, lower: CharacterTest, ending?: Rule): Rule {
  const from = (text: string, at: number): number => {
    const capitals = endOfRun(text, at, upper);
    const end = endOfRun(text, capitals, lower);
    if (end > capitals) return end;
    // The last of the capitals that is a lower-case letter as well.
    for (let last = capitals; last > at; ) {
      const start = last - widthBefore(text, last);
      if (lower(text.codePointAt(start) as number)) return last;
      last = start;
    }
    return -1;
  };
  return withEnding((text, at) => withPrefix(text, at, prefix, from), ending);
}

/** `P?U+L*` and an optional contraction. */
export function upperWord(prefix: CharacterTest, upper: CharacterTest, lower: CharacterTest, ending?: Rule): Rule {
  const from = (text: string, at: number): number => {
    const capitals = endOfRun(text, at, upper);
    return capitals === at ? -1 : endOfRun(text, capitals, lower);
  };
  return withEnding((text, at) => withPrefix(text, at, prefix, from), ending);
}

/** `HB+`: one character, then a run. */
export function headAndRun(head: CharacterTest, body: CharacterTest): Rule {
  return (text, at) => {
    if (!head(text.codePointAt(at) as number)) return -1;
    const start = at + widthAt(text, at);
    const end = endOfRun(text, start, body);
    return end === start ? -1 : end;
  };
}

/** `'s|'t|'re|'ve|'m|'ll|'d`. */
export const contraction: Rule = (text, at) => {
  if (text.charCodeAt(at) !== 0x27) return -1;
  const end = at + (SHORT.get(text[at + 1] ?? "") ?? 0);
  if (end > at) return end;
  return LONG.has(text.slice(at + 1, at + 3)) ? at + 3 : -1;
};

const SHORT = new Map([..."stmd"].map((letter) => [letter, 2]));
const LONG = new Set(["re", "ve", "ll"]);

/** `(?i:'s|'t|'re|'ve|'m|'ll|'d)`: "ſ" is an s as well. */
export const anyCaseContraction: Rule = (text, at) => {
  if (text.charCodeAt(at) !== 0x27) return -1;
  const end = contraction(
    text
      .slice(at, at + 3)
      .toLowerCase()
      .replaceAll("ſ", "s"),
    0,
  );
  return end === -1 ? -1 : at + end;
};

/** `\s*[\r\n]+`: white space up to its last line end. */
export const lineEnds: Rule = (text, at) => {
  for (let end = endOfRun(text, at, isWhiteSpace); end > at; end--) {
    const unit = text.charCodeAt(end - 1);
    if (unit === 0x0a || unit === 0x0d) return end;
  }
  return -1;
};

/** `\s+(?!\S)`: white space except the last, which belongs to the following word. */
export const spacesBeforeLast: Rule = (text, at) => {
  const end = endOfRun(text, at, isWhiteSpace);
  if (end === text.length) return end === at ? -1 : end;
  return end - 1 > at ? end - 1 : -1;
};

/** `\s+`. */
export const spaces: Rule = run(isWhiteSpace);

/** Characters of a text. */
export function among(chars: string): CharacterTest {
  const codes = new Set(Array.from(chars, (char) => char.codePointAt(0) as number));
  return (code) => codes.has(code);
}

/** Characters that no test accepts. */
export function noneOf(...tests: CharacterTest[]): CharacterTest {
  return (code) => !tests.some((test) => test(code));
}

function withPrefix(text: string, at: number, prefix: CharacterTest, from: Rule): number {
  if (prefix(text.codePointAt(at) as number)) {
    const end = from(text, at + widthAt(text, at));
    if (end !== -1) return end;
  }
  return from(text, at);
}

function withEnding(rule: Rule, ending: Rule | undefined): Rule {
  if (!ending) return rule;
  return (text, at) => {
    const end = rule(text, at);
    if (end === -1 || end === text.length) return end;
    return Math.max(end, ending(text, end));
  };
}

function endOfRun(text: string, at: number, test: CharacterTest, most = Number.POSITIVE_INFINITY): number {
  let end = at;
  for (let count = 0; end < text.length && count < most; count++) {
    const code = text.codePointAt(end) as number;
    if (!test(code)) break;
    end += code > 0xffff ? 2 : 1;
  }
  return end;
}

function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
}

function widthBefore(text: string, end: number): number {
  const unit = text.charCodeAt(end - 1);
  return unit >= 0xdc00 && unit < 0xe000 && end > 1 ? 2 : 1;
}
