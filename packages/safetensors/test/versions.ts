import { join } from "node:path";
import { expect } from "vitest";
import { openCheckpoint } from "../src/checkpoint.js";
import { SafetensorsNotFoundError } from "../src/errors.js";
import { openSafetensors } from "../src/open.js";
import { readSideFile } from "../src/side-file.js";
import { toFloat32 } from "../src/to-float32.js";
import { type WriteCheckpointOptions, writeCheckpoint } from "../src/write-checkpoint.js";
import { float32 } from "./support.js";

/** Four tensors of 16 bytes, all filled with the version, and a config that says it. */
export const tensorsOf = (version: number) =>
  ["a", "b", "c", "d"].map((name) => float32(name, [4], Array(4).fill(version)));
export const filesOf = (version: number) => ({ "config.json": JSON.stringify({ version }) });
export const one: WriteCheckpointOptions = {};
export const two: WriteCheckpointOptions = { maxShardBytes: 32 };

export async function save(folder: string, version: number, layout: WriteCheckpointOptions): Promise<void> {
  await writeCheckpoint(folder, tensorsOf(version), { ...layout, files: filesOf(version) });
}

/** The version that a folder holds, or undefined where it holds no checkpoint. Fails on a mixture. */
export async function versionOf(folder: string, { file }: WriteCheckpointOptions = {}): Promise<number | undefined> {
  const before = await readSideFile(folder, "config.json");
  let checkpoint: Awaited<ReturnType<typeof openCheckpoint>>;
  try {
    checkpoint = await (file ? openSafetensors(join(folder, file)) : openCheckpoint(folder));
  } catch (error) {
    if (error instanceof SafetensorsNotFoundError) return undefined;
    throw error;
  }
  const config = new TextDecoder().decode(await readSideFile(folder, "config.json"));
  expect(new TextDecoder().decode(before)).toBe(config);
  const { version } = JSON.parse(config) as { version: number };
  expect([...checkpoint.names].sort()).toEqual(["a", "b", "c", "d"]);
  for (const name of checkpoint.names) {
    const values = toFloat32(await checkpoint.tensor(name).read(), "F32");
    expect(values.every((value) => value === version)).toBe(true);
  }
  await checkpoint.close();
  return version;
}
