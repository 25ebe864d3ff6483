/** Pipes and devices where files should be: opening one must not wait for whoever writes to it. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openCheckpoint, openSafetensors, readSideFile, SafetensorsReadError } from "../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "mixtape-pipes-"));
afterAll(() => rmSync(folder, { recursive: true }));

test.skipIf(process.platform === "win32")("are refused", async () => {
  for (const name of ["model.safetensors", "config.json"]) execFileSync("mkfifo", [join(folder, name)]);
  await expect(openSafetensors(join(folder, "model.safetensors"))).rejects.toThrow("got a folder, a pipe or a device");
  await expect(openCheckpoint(folder)).rejects.toThrow(SafetensorsReadError);
  await expect(readSideFile(folder, "config.json")).rejects.toThrow(SafetensorsReadError);
  await expect(openSafetensors("/dev/zero")).rejects.toThrow(SafetensorsReadError);
});
