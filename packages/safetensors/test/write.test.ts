import { spawnSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { SafetensorsError, SafetensorsNotFoundError, SafetensorsWriteError } from "../src/errors.js";
import type { TensorToWrite } from "../src/layout.js";
import { openSafetensors } from "../src/open.js";
import { encodeSafetensors, writeSafetensors } from "../src/write.js";
import { closing, fixture, float32, temporaryFolder } from "./support.js";

/** All tensors of a file, to be read when they are written. */
async function tensorsOf(path: string): Promise<TensorToWrite[]> {
  const file = closing(await openSafetensors(path));
  return file.names.map((name) => {
    const { dtype, shape, read } = file.tensor(name);
    return { name, dtype, shape, bytes: read.bind(file.tensor(name)) };
  });
}

describe("byte-equal to the official library", () => {
  const official = ["every-dtype.safetensors", "sharded/model-00002-of-00003.safetensors", "conversions.safetensors"];

  test.each(official)("%s, from tensors in any order", async (name) => {
    const expected = await readFile(fixture(name));
    const { metadata } = closing(await openSafetensors(expected));
    const tensors = await tensorsOf(fixture(name));
    expect(expected.equals(await encodeSafetensors(tensors, metadata))).toBe(true);
    expect(expected.equals(await encodeSafetensors(tensors.reverse(), metadata))).toBe(true);
    const path = join(await temporaryFolder(), "out.safetensors");
    await writeSafetensors(pathToFileURL(path), tensors, { metadata });
    expect(expected.equals(await readFile(path))).toBe(true);
  });

  test("no tensors, no metadata", async () => {
    expect(new TextDecoder().decode(await encodeSafetensors([]))).toBe("\b\0\0\0\0\0\0\0{}      ");
  });
});

test("one tensor is asked for at a time, in file order", async () => {
  const asked: string[] = [];
  let open = 0;
  const lazy = (name: string, dtype: "F32" | "F64"): TensorToWrite => ({
    name,
    dtype,
    shape: [1],
    bytes: async () => {
      asked.push(name);
      expect(++open).toBe(1);
      await new Promise(setImmediate);
      open--;
      return new Uint8Array(dtype === "F32" ? 4 : 8);
    },
  });
  const path = join(await temporaryFolder(), "lazy.safetensors");
  await writeSafetensors(path, [lazy("b", "F32"), lazy("c", "F64"), lazy("a", "F32")]);
  expect(asked).toEqual(["c", "a", "b"]);
  expect(closing(await openSafetensors(path)).names).toEqual(["c", "a", "b"]);
});

describe("refuses", () => {
  test.each<[string, TensorToWrite[], string]>([
    ["a name given twice", [float32("a", [1], [1]), float32("a", [1], [2])], 'tensor "a": expected a unique name'],
    ["the reserved name", [float32("__metadata__", [1], [1])], "got the reserved __metadata__"],
    ["half a surrogate pair", [float32("\ud800", [1], [1])], "got one that UTF-8 cannot encode"],
    ["an unknown dtype", [{ ...float32("a", [1], [1]), dtype: "F31" as "F32" }], 'tensor "a": expected a dtype of U64'],
    ["a negative size", [float32("a", [-1, -1], [1])], "expected a shape of integers from 0 to 2^53 - 1, got [-1, -1]"],
    ["a broken size", [float32("a", [0.5], [1])], "got [0.5]"],
    ["too many elements", [float32("a", [2 ** 40, 2 ** 40], [1])], "got [1099511627776, 1099511627776]"],
    ["too few bytes", [float32("a", [2], [1])], 'tensor "a": expected 8 bytes for F32 [2], got 4.'],
    ["too many bytes", [float32("a", [], [1, 2])], 'tensor "a": expected 4 bytes for F32 [], got 8.'],
  ])("%s", async (_, tensors, message) => {
    await expect(encodeSafetensors(tensors)).rejects.toThrow(SafetensorsError);
    await expect(encodeSafetensors(tensors)).rejects.toThrow(message);
    const folder = await temporaryFolder();
    await expect(writeSafetensors(join(folder, "a.safetensors"), tensors)).rejects.toThrow(message);
    expect(await readdir(folder)).toEqual([]);
  });

  test("metadata that is no text", async () => {
    await expect(encodeSafetensors([], { step: 3 as unknown as string })).rejects.toThrow(
      'metadata "step": expected text',
    );
  });

  test("more than 4 GiB in memory, before any byte is asked for", async () => {
    const bytes = () => expect.fail("asked");
    const tensors: TensorToWrite[] = [{ name: "a", dtype: "U8", shape: [2 ** 32], bytes }];
    await expect(encodeSafetensors(tensors)).rejects.toThrow(
      "Write to a file with writeSafetensors or writeCheckpoint.",
    );
  });

  test("a folder that is not there", async () => {
    const path = join(await temporaryFolder(), "none", "a.safetensors");
    await expect(writeSafetensors(path, [])).rejects.toThrow(SafetensorsNotFoundError);
  });

  test("a folder in the place of the file", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "inner"), "");
    await expect(writeSafetensors(folder, [])).rejects.toThrow(SafetensorsWriteError);
    expect(await readdir(folder)).toEqual(["inner"]);
  });
});

describe("atomic", () => {
  test("a failed write leaves the old file and no other", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "w.safetensors");
    await writeSafetensors(path, [float32("old", [1], [1])]);
    const before = await readFile(path);
    const failing = { ...float32("new", [1], [2]), bytes: () => Promise.reject(new Error("no such luck")) };
    await expect(writeSafetensors(path, [float32("a", [1], [2]), failing])).rejects.toThrow("no such luck");
    expect(await readdir(folder)).toEqual(["w.safetensors"]);
    expect(await readFile(path)).toEqual(before);
  });

  test("what a killed process left goes with the next write; what a live one writes stays", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "w.safetensors");
    const dist = fileURLToPath(new URL("../dist/index.js", import.meta.url));
    const child = `
      const { writeSafetensors } = await import(process.argv[1]);
      const bytes = () => process.kill(process.pid, "SIGKILL");
      await writeSafetensors(process.argv[2], [{ name: "a", dtype: "F32", shape: [1], bytes }]);`;
    const { signal } = spawnSync(process.execPath, [
      "--input-type=module",
      "-e",
      child,
      pathToFileURL(dist).href,
      path,
    ]);
    expect(signal).toBe("SIGKILL");
    const left = await readdir(folder);
    expect(left).toEqual([expect.stringMatching(/^\.w\.safetensors\.\d+-[0-9a-f]{8}\.tmp$/)]);
    const live = `.w.safetensors.${process.ppid}-00000000.tmp`;
    await writeFile(join(folder, live), "");

    await writeSafetensors(path, [float32("a", [1], [1])]);
    expect((await readdir(folder)).sort()).toEqual([live, "w.safetensors"]);
  });
});
