import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gguf } from "@huggingface/gguf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeGguf } from "../src/weights/write-gguf.js";
import { TINY } from "./tiny-model.js";

const GOLDEN = fileURLToPath(new URL("__fixtures__/tiny.gguf", import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gguf-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a file is byte for byte what llama.cpp's own package writes", async () => {
  let progress = 0;
  await writeGguf(join(folder, "a", "tiny.gguf"), TINY, (bytes) => {
    progress += bytes;
  });
  const [own, golden] = await Promise.all([readFile(join(folder, "a", "tiny.gguf")), readFile(GOLDEN)]);
  expect(own.equals(golden)).toBe(true);
  // Of matrices 63 values of 2 bytes, and 16 of 4.
  expect(progress).toBe(63 * 2 + 16 * 4);
  expect(await readdir(join(folder, "a"))).toEqual(["tiny.gguf"]);
});

test("another reader finds what was meant", async () => {
  await writeGguf(join(folder, "tiny.gguf"), TINY, () => undefined);
  const { metadata, tensorInfos } = await gguf(join(folder, "tiny.gguf"), { allowLocalFile: true });
  expect(metadata).toMatchObject({
    version: 3,
    "general.architecture": "tiny",
    "tiny.rope.freq_base": 10_000,
    "tiny.expert_weights_norm": true,
    "tiny.name": "naïve",
    "tokenizer.ggml.tokens": expect.objectContaining({ length: 260 }),
  });
  expect(tensorInfos.map(({ name, shape }) => [name, shape.map(Number)])).toContainEqual([
    "blk.0.ffn_up_exps.weight",
    [2, 4, 3],
  ]);
});

test("a file that cannot be finished leaves nothing", async () => {
  const failing = writeGguf(join(folder, "b", "tiny.gguf"), TINY, () => {
    throw new Error("full");
  });
  await expect(failing).rejects.toThrow("full");
  expect(await readdir(join(folder, "b"))).toEqual([]);
});
