import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BIN, golden, run } from "./command.js";

const PROMPT = ["--model", golden("mixtral/basic"), "--prompt-ids", "5", "--max-new-tokens", "4", "--engine", "wasm"];

test.concurrent("without a reader of standard error, a command does its work and tells how it ended", async () => {
  const closed = (args: readonly string[]) => run(args, { watch: (child) => child.stderr!.destroy() });
  expect(await closed(["generate", ...PROMPT])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^(\d+ ){3}\d+\n$/),
  });
  expect(await closed(["generate", "--model", "/no/such/folder", "--prompt-ids", "5"])).toMatchObject({ code: 1 });
  expect(await closed(["generate", "--prompt-ids", "5"])).toMatchObject({ code: 2 });
});

test.each([
  ["generate", PROMPT],
  ["inspect", PROMPT.slice(0, 2)],
])("%s: standard output that cannot be written is one message", (command, args) => {
  const folder = mkdtempSync(join(tmpdir(), "mixtape-streams-"));
  const file = join(folder, "out");
  writeFileSync(file, "");
  // Open for reading alone, so that each write fails.
  const stdout = openSync(file, "r");
  const { status, stderr } = spawnSync(process.execPath, [BIN, command, ...args], {
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, MIXTAPE_DEBUG: undefined },
    stdio: ["ignore", stdout, "pipe"],
    encoding: "utf8",
  });
  closeSync(stdout);
  rmSync(folder, { recursive: true });
  expect(stderr.replace(/^\[5\]\n/, "")).toMatch(/^error: standard output: expected a writable stream, got EBADF.*\n$/);
  expect(status).toBe(1);
});
