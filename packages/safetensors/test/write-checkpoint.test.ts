import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../src/checkpoint.js";
import { SafetensorsError } from "../src/errors.js";
import type { TensorToWrite } from "../src/layout.js";
import { writeCheckpoint } from "../src/write-checkpoint.js";
import { closing, float32, temporaryFolder, thrownBy } from "./support.js";
import { filesOf, one, save, tensorsOf, two, versionOf } from "./versions.js";

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const shardNames = (count: number, prefix = "model") =>
  Array.from({ length: count }, (_, i) => `${prefix}-0000${i + 1}-of-0000${count}.safetensors`);

describe("what is written", () => {
  test("is one file where it fits, with side files as text or bytes", async () => {
    const folder = join(await temporaryFolder(), "new", "folder");
    const files = { "config.json": "{}", "tokenizer.bin": new Uint8Array([1, 2]) };
    await writeCheckpoint(pathToFileURL(folder), tensorsOf(1), { files });
    expect((await readdir(folder)).sort()).toEqual(["config.json", SINGLE, "tokenizer.bin"]);
    expect(await readFile(join(folder, "config.json"), "utf8")).toBe("{}");
    expect([...(await readFile(join(folder, "tokenizer.bin")))]).toEqual([1, 2]);
    expect(closing(await openCheckpoint(folder)).metadata).toEqual({ format: "pt" });
  });

  test("is shards and an index where it does not; a tensor that is too large has a shard of its own", async () => {
    const folder = await temporaryFolder();
    const big = float32("big", [9], Array(9).fill(0));
    const [a, b, c, d] = tensorsOf(1) as [TensorToWrite, TensorToWrite, TensorToWrite, TensorToWrite];
    await writeCheckpoint(folder, [d, c, big, b, a], { maxShardBytes: 32, metadata: { format: "pt", by: "us" } });
    expect((await readdir(folder)).sort()).toEqual([...shardNames(3), INDEX].sort());
    const [first, second, third] = shardNames(3);
    // The order of huggingface_hub: the large one is put down while the shard before it is still being filled.
    expect(await readFile(join(folder, INDEX), "utf8")).toBe(`{
  "metadata": {
    "total_size": 100
  },
  "weight_map": {
    "a": "${third}",
    "b": "${third}",
    "big": "${first}",
    "c": "${second}",
    "d": "${second}"
  }
}
`);
    const checkpoint = closing(await openCheckpoint(folder));
    expect(checkpoint.names).toEqual(["big", "c", "d", "a", "b"]);
    expect(checkpoint.metadata).toEqual({ format: "pt", by: "us" });
  });

  test("may be empty", async () => {
    const folder = await temporaryFolder();
    await writeCheckpoint(folder, []);
    expect(closing(await openCheckpoint(folder)).names).toEqual([]);
  });

  test("may come from the checkpoint that it replaces", async () => {
    const folder = await temporaryFolder();
    await save(folder, 5, two);
    for (const layout of [one, { maxShardBytes: 16 }, two, one, one]) {
      const old = await openCheckpoint(folder);
      const tensors = old.names.map((name): TensorToWrite => {
        const view = old.tensor(name);
        return { name, dtype: view.dtype, shape: view.shape, bytes: () => view.read() };
      });
      await writeCheckpoint(folder, tensors, layout);
      await old.close();
      expect(await versionOf(folder)).toBe(5);
    }
  });

  test("holds one tensor in memory at a time", async () => {
    let open = 0;
    const tensors = tensorsOf(1).map(({ bytes, ...tensor }) => ({
      ...tensor,
      bytes: async () => {
        expect(++open).toBe(1);
        await new Promise(setImmediate);
        open--;
        return bytes as Uint8Array;
      },
    }));
    await writeCheckpoint(await temporaryFolder(), tensors, two);
    expect(open).toBe(0);
  });
});

describe("what was there before", () => {
  test("goes: each layout leaves only its own files", async () => {
    const folder = await temporaryFolder();
    await save(folder, 1, one);
    expect((await readdir(folder)).sort()).toEqual(["config.json", SINGLE]);
    await save(folder, 2, two);
    expect((await readdir(folder)).sort()).toEqual(["config.json", ...shardNames(2), INDEX]);
    await save(folder, 3, two);
    expect((await readdir(folder)).sort()).toEqual(["config.json", ...shardNames(2, "model-r2"), INDEX].sort());
    await save(folder, 4, { maxShardBytes: 16 });
    expect((await readdir(folder)).sort()).toEqual(["config.json", ...shardNames(4), INDEX]);
    await save(folder, 5, one);
    expect((await readdir(folder)).sort()).toEqual(["config.json", SINGLE]);
    expect(await versionOf(folder)).toBe(5);
  });

  test("goes also where its shards have names of their own, or its index cannot be read", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, INDEX), JSON.stringify({ weight_map: { a: "mine.safetensors", b: "notes.txt" } }));
    for (const name of ["mine.safetensors", "notes.txt", "other.safetensors"]) await writeFile(join(folder, name), "");
    await save(folder, 1, one);
    expect((await readdir(folder)).sort()).toEqual(["config.json", SINGLE, "notes.txt", "other.safetensors"].sort());
    await writeFile(join(folder, INDEX), "{");
    await writeFile(join(folder, shardNames(3)[1]!), "");
    await save(folder, 2, one);
    expect((await readdir(folder)).sort()).toEqual(["config.json", SINGLE, "notes.txt", "other.safetensors"].sort());
  });

  test("stays where the save fails, with none of its files", async () => {
    const failing: TensorToWrite = { ...float32("z", [1], [1]), bytes: () => Promise.reject(new Error("no luck")) };
    const longer: TensorToWrite = { ...float32("z", [1], [1]), bytes: new Uint8Array(5) };
    for (const before of [one, two]) {
      const folder = await temporaryFolder();
      await save(folder, 1, before);
      const present = await readdir(folder);
      for (const layout of [one, two]) {
        const options = { ...layout, files: filesOf(2) };
        await expect(writeCheckpoint(folder, [...tensorsOf(2), failing], options)).rejects.toThrow("no luck");
        await expect(writeCheckpoint(folder, [...tensorsOf(2), longer], options)).rejects.toThrow("expected 4 bytes");
        expect(await readdir(folder)).toEqual(present);
        expect(await versionOf(folder)).toBe(1);
      }
    }
  });

  test("is not there where the save fails, and neither are folders made for it", async () => {
    const failing: TensorToWrite = { ...float32("z", [1], [1]), bytes: () => Promise.reject(new Error("no luck")) };
    const outer = await temporaryFolder();
    for (const options of [one, two, { file: "a.safetensors" }])
      await expect(writeCheckpoint(join(outer, "in", "here"), [failing], options)).rejects.toThrow("no luck");
    expect(await readdir(outer)).toEqual([]);
    await mkdir(join(outer, "empty"));
    await expect(writeCheckpoint(join(outer, "empty"), [failing])).rejects.toThrow("no luck");
    expect(await readdir(outer)).toEqual(["empty"]);
  });

  test("stays where the system refuses the commit", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, SINGLE));
    await expect(save(folder, 1, one)).rejects.toThrow(`${join(folder, SINGLE)}: expected to write, got EISDIR`);
    expect(await readdir(folder)).toEqual([SINGLE]);
    await expect(save(folder, 1, two)).rejects.toThrow(SafetensorsError);
    expect(await readdir(folder)).toEqual([SINGLE]);
  });

  test("is not written to where it is a link: the link is replaced", async () => {
    const folder = await temporaryFolder();
    const blob = join(folder, "blob");
    await writeFile(blob, "shared");
    await symlink(blob, join(folder, SINGLE));
    await save(folder, 1, one);
    expect(await readFile(blob, "utf8")).toBe("shared");
    expect(await versionOf(folder)).toBe(1);
  });

  test("keeps a side file that does not change", async () => {
    const folder = await temporaryFolder();
    await save(folder, 1, one);
    const { ino } = await stat(join(folder, "config.json"));
    await save(folder, 1, one);
    expect((await stat(join(folder, "config.json"))).ino).toBe(ino);
  });
});

describe("refuses", () => {
  test.each([
    ["config.json/..", "{}"],
    ["../config.json", "{}"],
    [INDEX, "{}"],
    [SINGLE, "{}"],
    ["model-00001-of-00002.safetensors", "{}"],
  ])("a side file called %s", async (name, content) => {
    const folder = await temporaryFolder();
    const error = await thrownBy(writeCheckpoint(folder, [], { files: { [name]: content } }));
    expect(error).toBeInstanceOf(SafetensorsError);
    expect((error as Error).message).toContain("expected a plain file name, and not one of weights");
    expect(await readdir(folder)).toEqual([]);
  });

  test.each(["../a.safetensors", "model.safetensors.index.json", "a.bin", ""])("a file called %j", async (file) => {
    const folder = await temporaryFolder();
    await expect(writeCheckpoint(folder, [], { file })).rejects.toThrow(
      "file: expected a plain file name that ends in .safetensors",
    );
    expect(await readdir(folder)).toEqual([]);
  });

  test("a name given twice, also in two shards", async () => {
    const twice = [...tensorsOf(1), ...tensorsOf(1)];
    await expect(writeCheckpoint(await temporaryFolder(), twice, two)).rejects.toThrow(
      'tensor "a": expected a unique name',
    );
  });

  test.each([0, -1, Number.NaN])("shards of at most %d bytes", async (maxShardBytes) => {
    await expect(writeCheckpoint(await temporaryFolder(), [], { maxShardBytes })).rejects.toThrow(
      `maxShardBytes: expected a number above 0, got ${maxShardBytes}.`,
    );
  });
});
