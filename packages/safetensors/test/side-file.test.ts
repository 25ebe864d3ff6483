import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SafetensorsReadError } from "../src/errors.js";
import { readSideFile } from "../src/side-file.js";
import { temporaryFolder } from "./support.js";

test("a file of a folder or a map, or undefined", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "config.json"), "{}");
  expect(await readSideFile(folder, "config.json")).toEqual(new Uint8Array([0x7b, 0x7d]));
  expect(await readSideFile(folder, "none.json")).toBeUndefined();
  expect(await readSideFile(join(folder, "none"), "config.json")).toBeUndefined();
  expect(await readSideFile(new Map([["a", new Blob(["b"])]]), "a")).toEqual(new Uint8Array([0x62]));
  expect(await readSideFile(new Map(), "a")).toBeUndefined();
});

test("a file over 256 MiB is refused unread", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "big.json"), "");
  await truncate(join(folder, "big.json"), 2 ** 28 + 1);
  await expect(readSideFile(folder, "big.json")).rejects.toThrow(SafetensorsReadError);
  await expect(readSideFile(folder, "big.json")).rejects.toThrow(
    "big.json: expected at most 268435456 bytes, got 268435457.",
  );
});
