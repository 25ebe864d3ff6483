/** Generates regular expressions by grammar, including the classic bombs. */

import type { Random } from "./random.js";

const BOMBS = [
  "(a+)+$",
  "(a|a)*b",
  "(.*)*x",
  "(a|b|ab)*c",
  "(a*)*b",
  "(\\w+\\s?)*$",
  "(a?){100}a{100}",
  "((a{100}){100}){100}",
  "(?=(a+)+$)b",
  "(?>(a+)+)b",
  "(x+x+)+y",
  "^(([a-z])+.)+[A-Z]([a-z])+$",
  "(.*)(.*)(.*)(.*)(.*)x",
  "(?:a|aa|aaa)*$b",
];
const ATOMS = [
  "a",
  "b",
  "x",
  " ",
  ".",
  "\\w",
  "\\s",
  "\\d",
  "\\p{L}",
  "[ab]",
  "[^a]",
  "[a-z&&[^b]]",
  "[[:alpha:]]",
  "\\b",
  "^",
  "$",
  "é",
  "\\n",
  "\\R",
  "\\h",
  "\\1",
  "\\Z",
  "\\G",
  "\\x41",
  "\\u0041",
  "\\x{1F600}",
  "[",
  "]",
  "{",
  "}",
  "\\",
  "(",
  ")",
  "|",
  "😀",
  "\u0000",
];
const HEADS = [
  "(",
  "(?:",
  "(?=",
  "(?!",
  "(?<=",
  "(?<!",
  "(?>",
  "(?i:",
  "(?<n>",
  "(?P<n>",
  "(?#",
  "(?i)",
  "(?x)(",
  "(?~",
  "(?(1)",
];
const QUANTIFIERS = [
  "",
  "",
  "",
  "*",
  "+",
  "?",
  "*?",
  "+?",
  "*+",
  "{2}",
  "{1,3}",
  "{,2}",
  "{1000}",
  "{3,1}",
  "{99999999999}",
  "**",
];

/** Generates a mostly valid pattern. */
export function regex(random: Random): string {
  if (random.chance(0.1)) return random.pick(BOMBS);
  if (random.chance(0.02))
    return random.pick(["(", "[", "(?:", "a|", "[[", "\\"]).repeat(random.pick([50, 5000, 40_000]));
  return alternatives(random, 3);
}

function alternatives(random: Random, depth: number): string {
  return Array.from({ length: 1 + random.below(3) }, () => sequence(random, depth)).join("|");
}

function sequence(random: Random, depth: number): string {
  return random
    .times(4, () => {
      const group = depth > 0 && random.chance(0.3);
      const atom = group ? `${random.pick(HEADS)}${alternatives(random, depth - 1)})` : random.pick(ATOMS);
      return atom + random.pick(QUANTIFIERS);
    })
    .join("");
}
