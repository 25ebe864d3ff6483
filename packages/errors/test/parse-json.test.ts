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

test("numbers that are not finite are read as Python's json reads them, and only where they are no text", () => {
  expect(parseJson('{"a": NaN, "b": [Infinity, -Infinity], "c": "NaN", "d": "say \\"NaN\\", Infinity"}')).toEqual({
    a: NaN,
    b: [Infinity, -Infinity],
    c: "NaN",
    d: 'say "NaN", Infinity',
  });
  for (const text of ["Infinit", '{"a": -NaN}', '{"a": +Infinity}', "NaNN", '{NaN: 1, "b": }'])
    expect(() => parseJson(text)).toThrow(SyntaxError);
});
