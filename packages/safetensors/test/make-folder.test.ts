import { mkdtemp, realpath, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { lockFolder, makeFolder, SafetensorsWriteError, writeCheckpoint } from "../src/index.js";

const scratch = async (): Promise<string> => realpath(await mkdtemp(join(tmpdir(), "mixtape-make-")));

describe("a folder for output", () => {
  test("is made with those that it is in, by one of several at once", async () => {
    const folder = await scratch();
    expect(await makeFolder(join(folder, "a", "b", "c"))).toBe(join(folder, "a"));
    expect(await makeFolder(join(folder, "a", "b"))).toBeUndefined();
    await Promise.all([1, 2, 3, 4].map(() => makeFolder(join(folder, "d", "e"))));
    expect((await stat(join(folder, "d", "e"))).isDirectory()).toBe(true);
  });

  test("may be a link to one", async () => {
    const folder = await scratch();
    await makeFolder(join(folder, "real"));
    await symlink(join(folder, "real"), join(folder, "link"));
    expect(await makeFolder(join(folder, "link", "inner"))).toBe(join(folder, "link", "inner"));
  });

  test("is refused where a file has its name, or that of one that it is in", async () => {
    const folder = await scratch();
    await writeFile(join(folder, "file"), "");
    const refused = `${join(folder, "file")}: expected to create this folder, got a file of that name. Choose another folder.`;
    for (const path of [join(folder, "file"), join(folder, "file", "inner")]) {
      await expect(makeFolder(path)).rejects.toThrow(refused);
      await expect(makeFolder(path)).rejects.toThrow(SafetensorsWriteError);
    }
  });

  // There, the system answers ENOENT to mkdir: Node's recursive one tries for ever.
  test.runIf(process.platform === "linux")("is refused by /proc, whoever asks for it", async () => {
    const path = "/proc/mixtape/inner";
    const message =
      "/proc/mixtape: expected to create this folder, got the system's answer \"ENOENT: no such file or directory, mkdir '/proc/mixtape'\". Choose a folder where you have permission to create one.";
    await expect(makeFolder(path)).rejects.toThrow(message);
    await expect(lockFolder(path, ".lock")).rejects.toThrow(message);
    const tensor = { name: "w", dtype: "F32", shape: [1], bytes: new Uint8Array(4) } as const;
    await expect(writeCheckpoint(path, [tensor])).rejects.toThrow(message);
  });
});
