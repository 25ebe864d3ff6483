/** Patterns that take other matchers hours. Steps are counted, so that no clock is asked: a call that goes on is refused. */

import { describe, expect, test } from "vitest";
import { compileRegex, RegexError, type RegexSyntax } from "../src/index.js";

const LENGTH = 100_000;
const A = "a".repeat(LENGTH);

const BOMBS: readonly (readonly [pattern: string, text: string])[] = [
  ["(a+)+$", `${A}!`],
  ["(a|a)*!$", `${A}?`],
  ["(.*)*x", A],
  ["(a|b|ab)*c", "ab".repeat(LENGTH / 2)],
  ["(a*)*b", A],
  ["a*a*a*a*b", A],
  ["(.*)(.*)(.*)(.*)(.*)x", A],
  ["(?=.*x)a|b", A],
  ["(?=(a+)+$)b", `${A}!`],
  ["(?!(a|aa)+$)b", `${A}!`],
  ["(?>a+)+b", A],
  ["((a+)+)+$", `${A}!`],
  ["((((a*)*)*)*)*b", A],
  ["(a?){10}a{10}b", A],
  ["(\\w+\\s?)*\\.$", `${"word ".repeat(LENGTH / 5)}!`],
  ["^(([a-z])+.)+[A-Z]([a-z])+$", A],
];

describe.each(["python", "oniguruma"] as const)("%s", (syntax: RegexSyntax) => {
  test.each(BOMBS)("%s on 100,000 characters", (pattern, text) => {
    const regex = compileRegex(pattern, { syntax });
    expect(regex.search(text)).toBeUndefined();
    expect(regex.fullMatch(text)).toBe(false);
  });

  test("a lookahead over all that follows, at each character", () => {
    const regex = compileRegex("(?=.*x)a", { syntax });
    expect([...regex.matchAll(`${A}x`)]).toHaveLength(LENGTH);
  });

  test("an atomic group over all that follows, at each character", () => {
    expect(compileRegex("(?>a*)b", { syntax }).search(A)).toBeUndefined();
    expect(compileRegex("a*+b|a", { syntax }).matchAll(A).next().value).toEqual({ start: 0, end: 1 });
  });

  test("a lookbehind over all that came before, at each character", () => {
    const regex = compileRegex(syntax === "python" ? "(?<=aaaaaaaa)b" : "(?<=(a+)+)b", { syntax });
    expect(regex.search(A)).toBeUndefined();
  });
});

describe("what is too large is refused", () => {
  const nested = (depth: number): string => "(".repeat(depth) + "a".repeat(1) + ")".repeat(depth);
  test.each([
    ["nested counts", "((a{1000}){1000}){1000}"],
    ["a count", "a{100000}"],
    ["nested groups", nested(5_000)],
    ["groups that do not end", "(".repeat(20_000)],
    ["stacked quantifiers", `a${"{2}".repeat(5_000)}`],
    ["a long pattern", "a".repeat(60_000)],
    ["many optionals", "(a?b?c?d?){20000}"],
    ["nested classes", "[".repeat(5_000)],
  ])("%s", (_, pattern) => {
    for (const syntax of ["python", "oniguruma"] as const)
      expect(() => compileRegex(pattern, { syntax })).toThrow(RegexError);
  });

  test("a large pattern at each character of a long text", () => {
    const regex = compileRegex(`(?:${"a?".repeat(10_000)})x`, { syntax: "python" });
    expect(() => regex.search(A.slice(0, 10_000))).toThrow(/expected a match within 4000000 steps, got more/);
  });

  test("the empty pattern may be repeated as often as anybody likes", () => {
    expect(compileRegex("(?:(?:){1000000}){4000000}", { syntax: "python" }).fullMatch("")).toBe(true);
    expect(compileRegex("(){100000}", { syntax: "oniguruma" }).fullMatch("")).toBe(true);
  });
});
