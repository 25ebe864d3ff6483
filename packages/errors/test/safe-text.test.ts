import { expect, test } from "vitest";
import { MixtapeError, safeName, safeText } from "../src/index.js";

test("what a terminal would obey is written as JSON does it", () => {
  expect(safeText("a\tb\nc\r\nd")).toBe("a\tb\nc\nd");
  expect(safeText("\x1b[2J\x1b]0;title\x07\r\x08\x7f\x9b31m")).toBe(
    "\\u001b[2J\\u001b]0;title\\u0007\\u000d\\u0008\\u007f\\u009b31m",
  );
  expect(safeText("a\u202eb\u2066c\u2028d")).toBe("a\\u202eb\\u2066c\\u2028d");
});

test("text of all scripts stays, joiners and direction marks too", () => {
  const text = "“Zoë”, 🦉 👩‍🚀 – 日本語 שלום\u200f عربى";
  expect(safeText(text)).toBe(text);
});

test("a JSON text says the same afterwards", () => {
  const value = { "\x9b\u202e": "\u2029" };
  expect(JSON.parse(safeText(JSON.stringify(value)))).toEqual(value);
});

test("a name stays on its line, and long ones lose their middle", () => {
  expect(safeName("a\nb\tc\x1b")).toBe("a\\nb\\tc\\u001b");
  expect(safeName("x".repeat(10_000), 11)).toBe(`${"x".repeat(5)}…${"x".repeat(5)}`);
});

test("messages are safe and fields are as they were given", () => {
  const error = new MixtapeError({
    where: "a\nerror: b",
    expected: "c\x1b[31m",
    got: "2 of them:\n  d\n  e",
    fix: "f\n",
  });
  expect(error.message).toBe("a\\nerror: b: expected c\\u001b[31m, got 2 of them:\n  d\n  e. f");
  expect(error).toMatchObject({ where: "a\nerror: b", expected: "c\x1b[31m" });
});
