import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs, { type FileHandle, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test, vi } from "vitest";
import { openCheckpoint } from "../src/checkpoint.js";
import { SafetensorsError, SafetensorsNotFoundError } from "../src/errors.js";
import { finishSave } from "../src/journal.js";
import type { TensorToWrite } from "../src/layout.js";
import { readSideFile } from "../src/side-file.js";
import { toFloat32 } from "../src/to-float32.js";
import { type WriteCheckpointOptions, writeCheckpoint } from "../src/write-checkpoint.js";
import { closing, float32, temporaryFolder, thrownBy } from "./helpers.js";

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const shardNames = (count: number, prefix = "model") =>
  Array.from({ length: count }, (_, i) => `${prefix}-0000${i + 1}-of-0000${count}.safetensors`);

/** Four tensors of 16 bytes, all filled with the version, and a config that says it. */
const tensorsOf = (version: number) => ["a", "b", "c", "d"].map((name) => float32(name, [4], Array(4).fill(version)));
const filesOf = (version: number) => ({ "config.json": JSON.stringify({ version }) });
const one: WriteCheckpointOptions = {};
const two: WriteCheckpointOptions = { maxShardBytes: 32 };

async function save(folder: string, version: number, layout: WriteCheckpointOptions): Promise<void> {
  await writeCheckpoint(folder, tensorsOf(version), { ...layout, files: filesOf(version) });
}

/** The version that a folder holds, or undefined where it holds no checkpoint. Fails on a mixture. */
async function versionOf(folder: string): Promise<number | undefined> {
  let checkpoint: Awaited<ReturnType<typeof openCheckpoint>>;
  try {
    checkpoint = await openCheckpoint(folder);
  } catch (error) {
    if (error instanceof SafetensorsNotFoundError) return undefined;
    throw error;
  }
  const config = new TextDecoder().decode(await readSideFile(folder, "config.json"));
  const { version } = JSON.parse(config) as { version: number };
  expect([...checkpoint.names].sort()).toEqual(["a", "b", "c", "d"]);
  for (const name of checkpoint.names) {
    const values = toFloat32(await checkpoint.tensor(name).read(), "F32");
    expect(values.every((value) => value === version)).toBe(true);
  }
  await checkpoint.close();
  return version;
}

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

  test("a name given twice, also in two shards", async () => {
    const twice = [...tensorsOf(1), ...tensorsOf(1)];
    await expect(writeCheckpoint(await temporaryFolder(), twice, two)).rejects.toThrow(
      'tensor "a": expected a name of its own',
    );
  });

  test.each([0, -1, Number.NaN])("shards of at most %d bytes", async (maxShardBytes) => {
    await expect(writeCheckpoint(await temporaryFolder(), [], { maxShardBytes })).rejects.toThrow(
      `maxShardBytes: expected a number above 0, got ${maxShardBytes}.`,
    );
  });
});

describe("a save that stops before any of its steps leaves the old checkpoint or the new", () => {
  const transitions: [string, WriteCheckpointOptions | undefined, WriteCheckpointOptions][] = [
    ["nothing to one file", undefined, one],
    ["nothing to shards", undefined, two],
    ["one file to one file", one, one],
    ["one file to shards", one, two],
    ["shards to one file", two, one],
    ["shards to shards", two, two],
  ];

  test.each(transitions)("%s", async (_, from, to) => {
    const found: (number | undefined)[] = [];
    for (let steps = 0, finished = false; !finished; steps++) {
      const folder = await temporaryFolder();
      if (from) await save(folder, 1, from);
      finished = await saveUntil(steps, folder, 2, to);
      found.push(await versionOf(folder));

      // The next save finds its way, whatever lies about, and cleans it up.
      const next = steps % 2 === 0 ? one : two;
      await save(folder, 3, next);
      expect(await versionOf(folder)).toBe(3);
      const weights = (await readdir(folder)).filter((name) => name !== "config.json");
      expect(weights).toEqual(next === one ? [SINGLE] : [expect.any(String), expect.any(String), INDEX]);
    }
    // One step commits: stopped before it, a save leaves the old; after it, the new.
    const commit = found.indexOf(2);
    expect(commit).toBeGreaterThan(5);
    expect(found.length).toBeGreaterThan(commit + 2);
    expect(found).toEqual(found.map((_, i) => (i < commit ? (from ? 1 : undefined) : 2)));
  });

  /**
   * Saves with modules of its own, as another process would, and stops for good before the step after `steps` steps: a
   * file created, written (of this one, half is done), renamed or deleted.
   * @returns whether the save came to its end
   */
  async function saveUntil(
    steps: number,
    folder: string,
    version: number,
    layout: WriteCheckpointOptions,
  ): Promise<boolean> {
    vi.resetModules();
    const { writeCheckpoint } = await import("../src/write-checkpoint.js");
    const { open, rename, unlink } = fs;
    const handles: FileHandle[] = [];
    let left = steps;
    let stop = () => {};
    const stopped = new Promise<false>((resolve) => {
      stop = () => resolve(false);
    });
    const step = async (half?: () => Promise<unknown>): Promise<void> => {
      if (left-- > 0) return;
      await half?.();
      stop();
      await new Promise(() => {});
    };
    fs.rename = (...args) => step().then(() => rename(...args));
    fs.unlink = (...args) => step().then(() => unlink(...args));
    fs.open = async (path, flags) => {
      if (flags === "r") return open(path, flags);
      await step();
      const handle = await open(path, flags);
      handles.push(handle);
      const write = handle.write.bind(handle) as (
        bytes: Uint8Array,
        offset: number,
        length: number,
      ) => Promise<unknown>;
      const halting = async (bytes: Uint8Array, offset: number, length: number) => {
        await step(() => write(bytes, offset, length >> 1));
        return write(bytes, offset, length);
      };
      return Object.assign(handle, { write: halting });
    };
    syncBuiltinESMExports();
    try {
      const saving = writeCheckpoint(folder, tensorsOf(version), { ...layout, files: filesOf(version) });
      return await Promise.race([saving.then(() => true), stopped]);
    } finally {
      Object.assign(fs, { open, rename, unlink });
      syncBuiltinESMExports();
      await Promise.all(handles.map((handle) => handle.close()));
    }
  }
});

test("a dozen kills at random moments of one save after another", { timeout: 60_000 }, async () => {
  const folder = await temporaryFolder();
  await save(folder, 0, one);
  let last = 0;
  for (let kill = 0; kill < 12; kill++) {
    const child = saver(
      folder,
      `for (let version = ${last} + 1; ; version++) {
        process.send(version);
        await save(version, version % 3 === 0 ? {} : { maxShardBytes: 16 * (version % 3) });
      }`,
    );
    let started = last;
    const wanted = last + 1 + Math.ceil(Math.random() * 3);
    await new Promise<void>((resolve) => {
      child.on("message", (version) => {
        started = Number(version);
        if (started === wanted) resolve();
      });
    });
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 15));
    child.kill("SIGKILL");
    await once(child, "exit");
    const version = (await versionOf(folder))!;
    // The save before the last one that began was finished; the last one may be. A message may be on its way.
    expect(version).toBeGreaterThanOrEqual(started - 1);
    last = version;
  }
  await save(folder, last + 1, one);
  expect(last).toBeGreaterThanOrEqual(12);
  expect((await readdir(folder)).sort()).toEqual(["config.json", SINGLE]);
});

describe("a journal that lies about", () => {
  const journal = async (folder: string, content: unknown) =>
    writeFile(
      join(folder, ".save-journal.json.1-00000000.tmp"),
      typeof content === "string" ? content : JSON.stringify(content),
    );

  test("is not believed beyond its folder", async () => {
    const parent = await temporaryFolder();
    const folder = join(parent, "model");
    await save(folder, 1, one);
    await writeFile(join(parent, "target"), "mine");
    await writeFile(join(folder, "..x.1-00000000.tmp"), "theirs");
    const { size, mtimeNs } = await stat(join(folder, SINGLE), { bigint: true });
    const committed = { commit: SINGLE, stamp: `${size} ${mtimeNs}`, files: [], shards: [], stale: [] };
    for (const lie of [
      { ...committed, files: ["../target"] },
      { ...committed, stale: ["../target", "config.json"] },
      { ...committed, shards: ["/etc/passwd"] },
      { ...committed, commit: "config.json" },
      "{",
      "null",
    ]) {
      await journal(folder, lie);
      await finishSave(folder);
      await save(folder, 1, one);
      expect(await versionOf(folder)).toBe(1);
      expect(await readFile(join(parent, "target"), "utf8")).toBe("mine");
    }
  });

  test("does nothing once something else wrote the weights", async () => {
    const folder = await temporaryFolder();
    await save(folder, 1, one);
    await journal(folder, { commit: SINGLE, stamp: "1 2", files: ["config.json"], shards: [], stale: [] });
    await writeFile(join(folder, ".config.json.1-00000000.tmp"), '{"version":9}');
    expect(await versionOf(folder)).toBe(1);
  });
});

/** A process that runs `body`, which may call `save(version, options)`. */
function saver(folder: string, body: string): ChildProcess {
  const dist = new URL("../dist/index.js", import.meta.url).href;
  const code = `
    const { writeCheckpoint } = await import(${JSON.stringify(dist)});
    const save = (version, options) => writeCheckpoint(
      ${JSON.stringify(folder)},
      ["a", "b", "c", "d"].map((name) => ({
        name, dtype: "F32", shape: [4], bytes: new Uint8Array(new Float32Array(4).fill(version).buffer),
      })),
      { ...options, files: { "config.json": JSON.stringify({ version }) } },
    );
    ${body}`;
  return spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}
