/** Files of texts on disk: only files are read, and their digest is of all their bytes. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "@mixtape/command-line";
import { loadTokenizer, type Tokenizer } from "@mixtape/mixtape";
import { beforeAll, describe, expect, test } from "vitest";
import { readData } from "../src/data-file.js";
import { SAMPLE, temporaryFolder, write } from "./command.js";

const folder = temporaryFolder();
let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await loadTokenizer(SAMPLE);
});

test("texts, with the digest of the file", async () => {
  const content = `${JSON.stringify({ prompt: "Name a fruit:", completion: " Apple." })}\n`.repeat(3);
  const { examples, sha256, warnings } = await readData(write(folder, "a.jsonl", content), tokenizer);
  expect(examples.map(({ inputIds }) => tokenizer.decode(inputIds))).toEqual(
    Array(3).fill("Name a fruit: Apple.<|endoftext|>"),
  );
  expect(sha256).toBe(createHash("sha256").update(content).digest("hex"));
  expect(warnings).toEqual([]);
});

test("keys of rows that are passed over", async () => {
  const path = write(folder, "keys.jsonl", [{ text: "a b c", id: 1 }]);
  await expect(readData(path, tokenizer)).rejects.toThrow(`${path}: line 1: expected no keys but "text", got "id".`);
  expect((await readData(path, tokenizer, { ignoreKeys: ["id"] })).examples).toHaveLength(1);
});

describe.skipIf(process.platform === "win32")("what is no file is refused, and not waited for", () => {
  test.each<[string, () => string]>([
    [
      "a pipe",
      () => {
        const path = join(folder, "pipe.jsonl");
        execFileSync("mkfifo", [path]);
        return path;
      },
    ],
    [
      "a device",
      () => {
        const path = join(folder, "device.jsonl");
        symlinkSync("/dev/zero", path);
        return path;
      },
    ],
    ["a folder", () => folder],
    ["no such file", () => join(folder, "none.jsonl")],
  ])("%s", async (what, pathOf) => {
    const path = pathOf();
    await expect(readData(path, tokenizer)).rejects.toThrow(InputError);
    await expect(readData(path, tokenizer)).rejects.toThrow(`${path}: expected a file of texts, got ${what}.`);
  });
});
