import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { InputError } from "../src/failure.js";
import { readInput } from "../src/read-file.js";

const folder = mkdtempSync(join(tmpdir(), "mixtape-read-file-"));
afterAll(() => rmSync(folder, { recursive: true }));
const expected = "a file of texts";

test("a file is read whole", () => {
  const path = join(folder, "file");
  writeFileSync(path, "text");
  expect(readInput(path, { expected }).toString()).toBe("text");
});

test.skipIf(process.platform === "win32")("a pipe is refused, and not waited for", () => {
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  expect(() => readInput(path, { expected })).toThrow(`${path}: expected a file of texts, got a pipe or a device.`);
});

test.skipIf(process.platform === "win32")("a device is refused", () => {
  expect(() => readInput("/dev/zero", { expected })).toThrow("got a pipe or a device.");
});

test("what is missing, a folder, or too long is refused", () => {
  const path = join(folder, "long");
  writeFileSync(path, "");
  truncateSync(path, 300 * 2 ** 20);
  expect(() => readInput(path, { expected })).toThrow("got 300.0 MiB, more than 256.0 MiB.");
  expect(() => readInput(folder, { expected })).toThrow("got a folder.");
  expect(() => readInput(join(folder, "nothing"), { expected })).toThrow(InputError);
});
