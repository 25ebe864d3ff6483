/** Which characters Python's `re` and Oniguruma have in each class: tools/reference/regex_golden.py made the file. */

import { describe, expect, test } from "vitest";
import { compileRegex, type RegexSyntax } from "../src/index.js";
import { readGolden } from "./read-golden.js";

type Ranges = readonly (readonly [first: number, last: number])[];

describe("classes", () => {
  const classes = readGolden<Record<RegexSyntax, Record<string, Ranges>>>("classes");
  const unassigned = /\p{Cn}/u;
  /** Lower case until Unicode 15, a letter without case since. */
  const CHANGED = [0x295];

  test.each(
    (["python", "oniguruma"] as const).flatMap((syntax) =>
      Object.keys(classes[syntax]).map((source) => [syntax, source] as const),
    ),
  )("%s: %s", (syntax, source) => {
    const unknown = codesOf(classes[syntax][syntax === "python" ? "unassigned" : "\\p{Cn}"]!);
    if (source === "unassigned") return;
    const regex = compileRegex(source, { syntax });
    const expected = codesOf(classes[syntax][source]!);
    const codes = [...Array(0x20000).keys()].filter((code) => code !== 0xe000 && (code < 0xd800 || code > 0xdfff));
    const text = codes.map((code) => String.fromCodePoint(code)).join("");
    const found = new Set<number>();
    for (const { start } of regex.matchAll(text)) found.add(text.codePointAt(start)!);
    // Each version of Unicode assigns more characters: those that one side does not know are left out.
    const differing = codes.filter(
      (code) =>
        found.has(code) !== expected.has(code) && !unknown.has(code) && !unassigned.test(String.fromCodePoint(code)),
    );
    expect(differing.filter((code) => !CHANGED.includes(code))).toEqual([]);
  });
});

function codesOf(ranges: Ranges): Set<number> {
  return new Set(ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i)));
}
