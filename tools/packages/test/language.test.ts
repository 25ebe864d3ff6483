/** The language of comments, pages, help texts and errors: CONTRIBUTING.md has the rules. */

import { expect, test } from "vitest";
import { checkFile, checkText, filesToRead } from "../src/language.js";

test.each([
  ["x.ts", "/** What a row is. */", "What a row is. */"],
  ["x.ts", "/**\n * By what the sum is divided.\n */", "By what the sum is divided."],
  ["x.h", "// the gradient by the weights", "the gradient by the weights"],
  ["x.ts", 'const help = "where absent, 1";', "where absent, 1"],
  ["x.md", "All of it lies on disk.", "All of it lies on disk."],
  ["x.cc", "float* const by_x = turned_product(w);", "turned_product"],
  ["x.ts", "addon().takeAlong(out);", "takeAlong"],
])("%s: %j is found", (file, text, got) => {
  expect(checkText(file, text).map((finding) => finding.got)).toContainEqual(expect.stringContaining(got));
});

test.each([
  ["x.ts", "/** Whether a row ended. */ const lies = told(returned);"],
  ["x.ts", "/** Returns the rows. See `wayBack` and `lies`. */"],
  ["x.md", "```ts\nconst told = 1;\n```\nThe value `told` is set."],
])("%s: %j is fine", (file, text) => {
  expect(checkText(file, text)).toEqual([]);
});

test("every comment, page, help text and error is in the field's words", () => {
  const files = filesToRead();
  expect(files.length).toBeGreaterThan(20);
  const findings = files.flatMap(checkFile);
  expect(findings.map(({ file, line, got, fix }) => `${file}:${line}: ${got} (${fix})`)).toEqual([]);
});
