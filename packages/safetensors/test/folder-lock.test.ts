import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SafetensorsInUseError, SafetensorsWriteError } from "../src/errors.js";
import { lockFolder } from "../src/folder-lock.js";
import { writeCheckpoint } from "../src/write-checkpoint.js";
import { temporaryFolder } from "./support.js";
import { one, save, tensorsOf, versionOf } from "./versions.js";

const LOCK = ".test.lock";

test("the second is refused with the first one's name, until the first has finished", async () => {
  const folder = await temporaryFolder();
  const first = await lockFolder(folder, LOCK);
  const refused = lockFolder(folder, LOCK);
  await expect(refused).rejects.toThrow(SafetensorsInUseError);
  await expect(refused).rejects.toThrow(SafetensorsWriteError);
  await expect(refused).rejects.toThrow(
    new RegExp(`${folder}: expected exclusive access, got process ${process.pid} on ${hostname()} \\(.*\\), which has`),
  );
  await expect(refused).rejects.toThrow(`delete ${join(folder, LOCK)}`);
  await (await lockFolder(folder, ".other.lock")).release();
  await first.release();
  await first.release();
  const second = await lockFolder(folder, LOCK);
  await second.release();
  expect(await readdir(folder)).toEqual([]);
});

test("two saves into one folder at once: one is whole, the other refused", async () => {
  const folder = await temporaryFolder();
  const ended = await Promise.allSettled([1, 2, 3].map((version) => save(folder, version, one)));
  const saved = ended.findIndex(({ status }) => status === "fulfilled");
  expect(ended.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  for (const end of ended) if (end.status === "rejected") expect(end.reason).toBeInstanceOf(SafetensorsInUseError);
  expect(await versionOf(folder)).toBe(saved + 1);
  expect((await readdir(folder)).sort()).toEqual(["config.json", "model.safetensors"]);
});

test("a save that fails gives the folder free", async () => {
  const folder = await temporaryFolder();
  const broken = { ...tensorsOf(1)[0]!, bytes: () => Promise.reject(new Error("no bytes")) };
  await expect(writeCheckpoint(folder, [broken])).rejects.toThrow("no bytes");
  await save(folder, 2, one);
  expect(await versionOf(folder)).toBe(2);
});

test("the lock of a process that is gone is taken over; one of another machine is not", async () => {
  const folder = await temporaryFolder();
  const child = spawn(process.execPath, ["-e", ""]);
  const { pid } = child;
  await once(child, "exit");
  const holder = { pid, thread: 0, host: hostname(), started: "1", command: "node gone.js", token: "t", since: "then" };
  const path = join(folder, LOCK);
  await writeFile(path, JSON.stringify(holder));
  await (await lockFolder(folder, LOCK)).release();

  // The same number, of a process that was started at another time.
  await writeFile(path, JSON.stringify({ ...holder, pid: process.ppid }));
  if (process.platform === "linux") await (await lockFolder(folder, LOCK)).release();

  // Cut in the middle: its writer died before it had written it.
  await writeFile(path, '{"pid":');
  await (await lockFolder(folder, LOCK)).release();

  await writeFile(path, JSON.stringify({ ...holder, host: "elsewhere" }));
  await expect(lockFolder(folder, LOCK)).rejects.toThrow(`process ${pid} on elsewhere (node gone.js)`);
  expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ host: "elsewhere" });
});

test("of many who take over an abandoned lock at once, one has it", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, LOCK), "{}");
  const ended = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder, LOCK)));
  const locks = ended.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
  expect(locks).toHaveLength(1);
  await locks[0]!.release();
  expect(await readdir(folder)).toEqual([]);
});
