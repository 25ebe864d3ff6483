import { expect, test } from "vitest";
import { CharSet } from "../src/char-set.js";
import { compileRegex, RegexError, StepBudget } from "../src/index.js";

test("a set is asked about a character once, and about no other character", () => {
  const asked: number[] = [];
  const set = new CharSet(
    (code) => {
      asked.push(code);
      return code % 2 === 0;
    },
    () => "[]",
  );
  for (let i = 0; i < 3; i++) expect([97, 98, 0x4e00].map((code) => set.has(code))).toEqual([false, true, true]);
  expect(asked).toEqual([97, 98, 0x4e00]);
});

test("a set of any blocks answers rightly, those that it does not remember too", () => {
  const even = new CharSet(
    (code) => code % 2 === 0,
    () => "[]",
  );
  const sets = [
    even,
    even.negated(),
    even.intersection(CharSet.native("\\p{L}")),
    CharSet.union([even, CharSet.of(97)]),
  ];
  const codes = Array.from({ length: 0x1100 }, (_, block) => 256 * block + 97);
  const all = [...codes, ...codes.map((code) => code + 1)];
  const isEven = (code: number): boolean => code % 2 === 0;
  const isLetter = (code: number): boolean => /\p{L}/u.test(String.fromCodePoint(code));
  const expected = [
    isEven,
    (code: number) => !isEven(code),
    (code: number) => isEven(code) && isLetter(code),
    (code: number) => isEven(code) || code === 97,
  ].map((test) => all.filter(test));
  for (let i = 0; i < 2; i++) expect(sets.map((set) => all.filter((code) => set.has(code)))).toEqual(expected);
});

test("calls that share a budget share its steps", () => {
  const regex = compileRegex(`(?:${"b|".repeat(15_000)}c)*`, { syntax: "oniguruma" });
  const search = (steps?: StepBudget): unknown => regex.matchAll("a", steps).next().value;
  expect(search()).toEqual({ start: 0, end: 0 });
  const steps = new StepBudget();
  // One call takes 30,003 of 2,000,000 steps.
  expect(() => {
    for (let i = 0; i < 70; i++) search(steps);
  }).toThrow(RegexError);
});
