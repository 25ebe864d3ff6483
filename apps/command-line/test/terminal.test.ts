/** What reaches a terminal when names and texts of files are hostile. */

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const HOSTILE = "\x1b[2J\x1b]0;owned\x07\rgone\u202etxt.exe\x9b31m";
const SAFE = "\\u001b[2J\\u001b]0;owned\\u0007\\u000dgone\\u202etxt.exe\\u009b31m";

/** Runs a module that writes, its streams guarded. */
function run(code: string, isTerminal: boolean): { stdout: string; stderr: string } {
  const dist = new URL("../dist/", import.meta.url).href;
  const script = `
    process.stdout.isTTY = ${isTerminal};
    const { guardTerminal, barStream } = await import("${dist}terminal.js");
    const { colorsFor, note } = await import("${dist}colors.js");
    guardTerminal();
    const HOSTILE = ${JSON.stringify(HOSTILE)};
    ${code}`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { ...process.env, FORCE_COLOR: "1", NO_COLOR: undefined },
  });
}

test("standard error is made safe, whoever writes", () => {
  const { stderr } = run(`process.stderr.write(HOSTILE + "\\n"); console.error(HOSTILE);`, false);
  expect(stderr).toBe(`${SAFE}\n${SAFE}\n`);
});

test("standard output is made safe on a terminal, and byte for byte in a pipe", () => {
  const code = `process.stdout.write(HOSTILE); process.stdout.write(Buffer.from("\\x1b"));`;
  expect(run(code, true).stdout).toBe(`${SAFE}\\u001b`);
  expect(run(code, false).stdout).toBe(`${HOSTILE}\x1b`);
});

test("the program's own colours and bars pass, colours in a name do not", () => {
  const { stderr } = run(`note(HOSTILE); barStream().write("\\x1b[1G");`, false);
  expect(stderr).toBe(`\x1b[33mnote:\x1b[39m ${SAFE}\n\x1b[1G`);
});

test("no command line writes past the guard", () => {
  const sources = ["command-line", "sample-generate", "sample-train"].flatMap((app) => {
    const folder = new URL(`../../${app}/src/`, import.meta.url);
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
    return files.map((name) => [`${app}/${name}`, readFileSync(new URL(name, folder), "utf8")] as const);
  });
  const escaping = sources.filter(([, text]) =>
    /\\x1b|\\u001b|\bwriteSync\(|_rawDebug|createWriteStream\(|\/dev\/tty/.test(text),
  );
  expect(escaping.map(([name]) => name)).toEqual(["command-line/terminal.ts"]);
  expect(sources.filter(([, text]) => /stream: process\.std/.test(text))).toEqual([]);
});
