import { expect, test } from "vitest";
import { codeBlocks, commandLines, importedPackages, installLine, toCommonJs } from "../src/example.js";

const page = `# Title

\`\`\`sh
npm install @mixtape/config zod
\`\`\`

\`\`\`ts
import { readFile } from "node:fs/promises";
import { parse, type Config as C } from "@mixtape/config/node";
import * as z from "zod";
console.log(1 + 1); // two
// Both letters:
console.log("a\\n\\n  b");

// 2
// a
//
//   b
\`\`\`

\`\`\`js
fragment;
\`\`\`
`;

test("the comments that close a block say what it prints", () => {
  const [example, fragment] = codeBlocks(page);
  expect(example?.prints).toEqual(["2", "a", "", "  b"]);
  expect(example?.line).toBe(8);
  expect(fragment).toEqual({ line: 22, code: "fragment;\n", prints: [] });
});

test("a block in another language is no example", () => {
  expect(codeBlocks("```sh\necho 1\n// 1\n```\n")).toEqual([]);
});

test("imports are counted by package, without Node's own", () => {
  expect(importedPackages(codeBlocks(page)[0]?.code ?? "")).toEqual(["@mixtape/config", "zod"]);
});

test("the install line names its packages", () => {
  expect(installLine(page)).toEqual(["@mixtape/config", "zod"]);
  expect(installLine("nothing to install")).toEqual([]);
});

test("an example becomes CommonJS, top-level await included", async () => {
  const code = toCommonJs('import { sep as s } from "node:path";\nawait 0;\nprint(s.length);\n');
  const printed: unknown[] = [];
  const run = new Function("require", "exports", "print", `return ${code}`);
  await run(
    (name: string) => ({ sep: name }),
    {},
    (value: unknown) => printed.push(value),
  );
  expect(printed).toEqual(["node:path".length]);
});

test("command lines are what npx runs of ours, by words and by what is quoted", () => {
  const text = '# T\n\n```sh\nnpm ci\nnpx sample-x --data a.txt --prompt "It was"\n```\n\n```js\nnpx sample-x y\n```\n';
  expect(commandLines(text)).toEqual([
    { line: 5, command: "sample-x", args: ["--data", "a.txt", "--prompt", "It was"] },
  ]);
});
