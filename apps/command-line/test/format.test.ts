import { resolve } from "node:path";
import { expect, test } from "vitest";
import { bytes, percent, plural, rate, seconds, short, table, whole } from "../src/format.js";
import { near, shellWord } from "../src/path.js";

test("numbers as people read them", () => {
  expect([0, 1, 1023, 1024, 10_470_352, 4_293_918_720, 2 ** 40].map(bytes)).toEqual([
    "0 bytes",
    "1 byte",
    "1,023 bytes",
    "1.0 KiB",
    "10.0 MiB",
    "4.0 GiB",
    "1.0 TiB",
  ]);
  expect([999, 1000, 5_223_016, 46_702_792_704].map(short)).toEqual(["999", "1.00 k", "5.22 M", "46.70 B"]);
  expect(whole(5_223_016)).toBe("5,223,016");
  expect([0, 1, 584, 994, 996, 9999, 1000].map((part) => percent(part, part === 9999 ? 10_000 : 1000))).toEqual([
    "0 %",
    "0.1 %",
    "58 %",
    "99 %",
    "99.6 %",
    "99.9 %",
    "100 %",
  ]);
  expect(seconds(412.4)).toBe("0.41 s");
  expect([rate(45.23), rate(null)]).toEqual(["45.2 tokens/s", "too short to tell"]);
  expect([plural(1, "token"), plural(2, "token"), plural(1234, "token")]).toEqual([
    "1 token",
    "2 tokens",
    "1,234 tokens",
  ]);
});

test("paths as they are reached from here, and as words of a command", () => {
  expect(["out", "./a/../out", resolve("out"), "/elsewhere/out"].map(near)).toEqual([
    "out",
    "out",
    "out",
    "/elsewhere/out",
  ]);
  expect(near("../out")).toBe(resolve("../out"));
  expect(["out", "/a b/c", "it's", "$HOME", "~", ""].map(shellWord)).toEqual([
    "out",
    "'/a b/c'",
    "'it'\\''s'",
    "'$HOME'",
    "'~'",
    "''",
  ]);
});

test("a table keeps its values in one column", () => {
  const rows = [
    ["a", "1"],
    ["long", "2"],
  ] as const;
  expect(table(rows, (name) => `<${name}>`)).toBe("  <a   >  1\n  <long>  2\n");
});
