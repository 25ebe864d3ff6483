import { expect, test } from "vitest";
import { parseJson } from "../src/index.js";

const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

test("JSON is parsed", () => {
  const value = { a: [1, { b: 'brackets [{ and "quotes" \\' }], "]": null };
  expect(parseJson(JSON.stringify(value))).toEqual(value);
  expect(parseJson(nested(500))).toHaveLength(1);
  expect(parseJson(`[${Array(1000).fill("[]").join(",")}]`)).toHaveLength(1000);
  expect(() => parseJson('{"a":')).toThrow(SyntaxError);
});

test("a byte order mark is named", () => {
  expect(() => parseJson("\uFEFF{}")).toThrow(
    /^text that begins with a byte order mark, .*: save it in UTF-8 without one$/,
  );
});

test("what would exhaust the stack is refused", () => {
  for (const levels of [501, 100_000, 1_000_000])
    expect(() => parseJson(nested(levels))).toThrow(new SyntaxError("JSON nested deeper than 500 levels"));
  expect(() => parseJson('{"a":'.repeat(1_000_000))).toThrow("JSON nested deeper than 500 levels");
});
