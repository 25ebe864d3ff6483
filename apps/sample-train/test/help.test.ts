import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sampleTrain } from "./command.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const flagsIn = (text: string): Set<string> => new Set(text.match(/--[a-z][a-z-]+/g));

test("--help has examples, and the README has its flags and no others", async () => {
  const { code, stdout, stderr } = await sampleTrain(["--help"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^Usage: sample-train --model <dir> --data <file> --output <dir> /);
  expect(stdout).toMatch(/\nExamples:\n.*sample-train --model/s);
  const known = flagsIn(`${stdout} --version --adapter --prompt`);
  expect([...flagsIn(stdout)].filter((flag) => !flagsIn(readme).has(flag))).toEqual([]);
  expect([...flagsIn(readme)].filter((flag) => !known.has(flag))).toEqual([]);
});
