import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { run } from "./command.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const flagsIn = (text: string): Set<string> => new Set(text.match(/--[a-z][a-z-]+/g));

describe("--help", () => {
  test.each(["generate", "classify", "forward", "trace", "inspect", "merge", "quantize"])(
    "of %s has examples, and the README has its flags",
    async (command) => {
      const { code, stdout, stderr } = await run([command, "--help"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(new RegExp(`^Usage: sample-generate ${command} --model <dir> `));
      expect(stdout).toMatch(new RegExp(`\\nExamples?:\\n[^]*sample-generate ${command} --model`));
      const missing = [...flagsIn(stdout)].filter((flag) => !flagsIn(readme).has(flag));
      expect(missing).toEqual([]);
    },
  );

  test("lists the commands", async () => {
    const { code, stdout } = await run(["--help"]);
    expect(code).toBe(0);
    expect(stdout.match(/^ {2}(generate|classify|forward|trace|inspect|merge|quantize|engines) /gm)).toHaveLength(8);
  });

  test("flags without a command are those of generate", async () => {
    const { code, stderr } = await run(["--prompt", "x"]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: "error: expected --model DIR. See --help.\n" });
  });

  test("is plain in a pipe, and bold where colours are wanted", async () => {
    expect((await run(["--help"])).stdout).not.toContain("\x1b");
    expect((await run(["--help"], { env: { FORCE_COLOR: "1" } })).stdout).toContain("\x1b[1mUsage:");
  });
});

test("the README has no flag that there is not", async () => {
  const helps = await Promise.all(
    ["generate", "classify", "forward", "trace", "inspect", "merge", "quantize", "engines"].map((command) =>
      run([command, "--help"]),
    ),
  );
  const known = flagsIn([...helps.map(({ stdout }) => stdout), "--version"].join("\n"));
  expect([...flagsIn(readme)].filter((flag) => !known.has(flag))).toEqual([]);
});

test("--version is the package's", async () => {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  expect(await run(["--version"])).toEqual({
    code: 0,
    stdout: `${(JSON.parse(manifest) as { version: string }).version}\n`,
    stderr: "",
  });
});
