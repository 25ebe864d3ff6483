/** What Python's `re` and the Oniguruma of `tokenizers` match: tools/reference/regex_golden.py made the files. */

import { describe, expect, test } from "vitest";
import { compileRegex, type Regex, RegexError, type RegexSyntax } from "../src/index.js";
import { readGolden } from "./read-golden.js";

interface Golden<R> {
  readonly texts: readonly string[];
  /** A pattern, and what it gives for each text; null where the reference refuses it. */
  readonly cases: readonly (readonly [pattern: string, results: readonly R[] | null])[];
}

/** Patterns that the reference takes and this package refuses, as the README says. */
const REFUSED: Readonly<Record<RegexSyntax, readonly string[]>> = {
  python: ["(a)\\1", "\\N{DIGIT ONE}"],
  oniguruma: ["(a)\\1", "(?<n>a)\\g<n>", "(?~ab)", "\\X", "\\K", "\\G", "\\x{110000}", "(?<=(?>a))b"],
};
/** Patterns that the reference refuses: Python learnt `\z` in 3.14; a lookahead in a lookbehind has one meaning. */
const TAKEN: Readonly<Record<RegexSyntax, readonly string[]>> = { python: ["\\z"], oniguruma: ["(?<=(?=a)a)b"] };

/** Of the patterns, one in four is matched, and all are in `npm run test:long`. */
const EACH = process.env.MIXTAPE_TEST_LONG ? 1 : 4;

function compiled(syntax: RegexSyntax, pattern: string): Regex | null {
  try {
    return compileRegex(pattern, { syntax });
  } catch (error) {
    expect(error).toBeInstanceOf(RegexError);
    return null;
  }
}

describe.each([["python", pythonResult] as const, ["oniguruma", onigurumaResult] as const])(
  "%s",
  (syntax, resultOf: (regex: Regex, text: string) => unknown) => {
    const { texts, cases } = readGolden<Golden<unknown>>(syntax);
    const all = syntax === "python" ? ["", ...texts] : texts;

    test("the same patterns are refused", () => {
      const differing = cases.filter(
        ([pattern, results]) => (compiled(syntax, pattern) === null) !== (results === null),
      );
      const expected = [...REFUSED[syntax], ...TAKEN[syntax]].sort();
      expect(differing.map(([pattern]) => pattern).sort()).toEqual(expected);
    });

    test("the same matches are found", () => {
      expect(cases.length).toBeGreaterThan(1400);
      for (const [pattern, results] of cases.filter((_, i) => i % EACH === 0)) {
        const regex = results === null ? null : compiled(syntax, pattern);
        if (regex !== null)
          expect([pattern, ...all.map((text) => resultOf(regex, text))]).toEqual([pattern, ...results!]);
      }
    });
  },
);

function pythonResult(regex: Regex, text: string): unknown {
  const spans = [...regex.matchAll(text)].flatMap(({ start, end }) => [start, end]);
  return [regex.fullMatch(text) ? 1 : 0, regex.match(text)?.end ?? -1, spans];
}

function onigurumaResult(regex: Regex, text: string): unknown {
  let result = "";
  let at = 0;
  for (const { start, end } of regex.matchAll(text)) {
    result += `${text.slice(at, start)}\ue000`;
    at = end;
  }
  return result + text.slice(at);
}
