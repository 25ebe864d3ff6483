/** README.md lists the contracts that the tests hold the ops to, and every function that the package has. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as ops from "../src/index.js";
import { CONTRACTS } from "./support/contracts.js";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the contracts", () => {
  const code = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(", ") || "–";
  const rows = CONTRACTS.map(({ op, kernel, inputs, optional, attributes }) => {
    const all = [...inputs, ...optional.map((name) => `${name}?`)];
    return `| \`${op}\` | \`${kernel}\` | ${code(all)} | ${code(attributes)} |`;
  });
  const listed = README.split("\n").filter((line) => /^\| `\w+` \| `Mixtape/.test(line));
  expect(listed).toEqual(rows);
});

test("all that the package exports", () => {
  const missing = Object.keys(ops).filter((name) => !new RegExp(`\\b${name}\\b`).test(README));
  expect(missing).toEqual([]);
});
