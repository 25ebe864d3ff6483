import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs, { type FileHandle, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { finishSave } from "../src/journal.js";
import { type WriteCheckpointOptions, writeCheckpoint } from "../src/write-checkpoint.js";
import { temporaryFolder } from "./support.js";
import { filesOf, one, save, tensorsOf, two, versionOf } from "./versions.js";

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";

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

  test.each([undefined, 1])("a file of a name of its own, beside a model, over version %s", async (from) => {
    const named: WriteCheckpointOptions = { file: "adapter_model.safetensors" };
    const found: (number | undefined)[] = [];
    for (let steps = 0, finished = false; !finished; steps++) {
      const folder = await temporaryFolder();
      await writeCheckpoint(folder, tensorsOf(9), two);
      const model = (await readdir(folder)).sort();
      if (from) await save(folder, from, named);
      finished = await saveUntil(steps, folder, 2, named);
      found.push(await versionOf(folder, named));
      await save(folder, 3, named);
      expect(await versionOf(folder, named)).toBe(3);
      expect((await readdir(folder)).sort()).toEqual(["adapter_model.safetensors", "config.json", ...model]);
    }
    const commit = found.indexOf(2);
    expect(commit).toBeGreaterThan(5);
    expect(found.length).toBeGreaterThan(commit + 2);
    expect(found).toEqual(found.map((_, i) => (i < commit ? from : 2)));
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

test("a dozen kills at random moments of one save after another", async () => {
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
  /** A save of a process that no system gives a number to. */
  const DEAD = "99999999-00000000";
  const journal = async (folder: string, content: unknown) =>
    writeFile(
      join(folder, `.save-journal.json.${DEAD}.tmp`),
      typeof content === "string" ? content : JSON.stringify(content),
    );

  test("is not believed beyond its folder", async () => {
    const parent = await temporaryFolder();
    const folder = join(parent, "model");
    await save(folder, 1, one);
    await writeFile(join(parent, "target"), "mine");
    await writeFile(join(folder, `..x.${DEAD}.tmp`), "theirs");
    const { size, mtimeNs } = await stat(join(folder, SINGLE), { bigint: true });
    const committed = { commit: SINGLE, stamp: `${size} ${mtimeNs}`, files: [], shards: [], stale: [] };
    for (const lie of [
      { ...committed, files: ["../target"] },
      { ...committed, stale: ["../target", "config.json"] },
      { ...committed, shards: ["/etc/passwd"] },
      { ...committed, commit: "config.json" },
      { ...committed, commit: "../model/model.safetensors", files: ["x"] },
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

  test("cannot have the shards in use deleted", async () => {
    const folder = await temporaryFolder();
    await save(folder, 1, two);
    const shards = (await readdir(folder)).filter((name) => name.endsWith(".safetensors"));
    await journal(folder, { commit: INDEX, stamp: "1 2", files: [], shards, stale: [] });
    const failing = { ...tensorsOf(2)[0]!, bytes: () => Promise.reject(new Error("no luck")) };
    await expect(writeCheckpoint(folder, [failing])).rejects.toThrow("no luck");
    expect(await versionOf(folder)).toBe(1);
    expect((await readdir(folder)).sort()).toEqual(["config.json", ...shards, INDEX].sort());
  });

  test("does nothing once something else wrote the weights", async () => {
    const folder = await temporaryFolder();
    await save(folder, 1, one);
    await journal(folder, { commit: SINGLE, stamp: "1 2", files: ["config.json"], shards: [], stale: [] });
    await writeFile(join(folder, `.config.json.${DEAD}.tmp`), '{"version":9}');
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
