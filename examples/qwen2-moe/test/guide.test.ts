import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const guide = readFileSync(new URL("../../../docs/add-a-family.md", import.meta.url), "utf8");
const files = [...guide.matchAll(/^`examples\/qwen2-moe\/(.+)`:\n\n```\w+\n([\s\S]*?)^```$/gm)];

test("the guide shows all files that one writes by hand", () => {
  expect(files.map(([, path]) => path)).toEqual([
    "package.json",
    "tsconfig.json",
    "src/config.ts",
    "src/qwen2-moe.ts",
    "tiny.json",
    "test/conformance.test.ts",
  ]);
});

test.each(files.map(([, path, text]) => ({ path: path!, text })))(
  "$path is as the guide shows it",
  ({ path, text }) => {
    expect(readFileSync(new URL(`../${path}`, import.meta.url), "utf8")).toBe(text);
  },
);
