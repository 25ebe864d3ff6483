import { existsSync } from "node:fs";
import { mkdir, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stderr } from "node:process";
import { cacheFolder } from "../cache-folder.js";
import type { Files } from "../shapes/shape.js";
import { ggufBytes } from "./gguf-header.js";
import type { RandomModel } from "./model.js";
import { type FileType, quantized } from "./quantized.js";
import { writeGguf } from "./write-gguf.js";
import { writeSafetensors } from "./write-safetensors.js";

/** Increases when the bytes of a shape change. */
const VERSION = 1;
const MIB = 2 ** 20;

/**
 * Returns a model's two files, which are written if they do not exist yet.
 * @throws {Error} if the disk is full
 */
export async function filesOf(name: string, model: () => RandomModel): Promise<Files> {
  const folder = await checkpointOf(name, model);
  const gguf = join(baseOf(name), "model.gguf");
  if (!existsSync(gguf))
    await writing(`${name}, GGUF`, gguf, model(), (weights, progress) => writeGguf(gguf, weights, progress));
  return { folder, gguf };
}

/**
 * Returns a model's GGUF file with quantised weights, which is written if it does not exist yet.
 * @throws {Error} if the disk is full
 */
export async function quantizedFileOf(name: string, model: () => RandomModel, type: FileType): Promise<string> {
  const path = join(baseOf(name), `model-${type.toLowerCase()}.gguf`);
  if (!existsSync(path))
    await writing(`${name}, ${type}`, path, quantized(model(), type), (weights, progress) =>
      writeGguf(path, weights, progress),
    );
  return path;
}

/**
 * Returns the folder of a model in Hugging Face's format, which is written if it does not exist yet.
 * @throws {Error} if the disk is full
 */
export async function checkpointOf(name: string, model: () => RandomModel): Promise<string> {
  const folder = join(baseOf(name), "safetensors");
  // A checkpoint is complete once it has a config: that is written last.
  if (!existsSync(join(folder, "config.json")))
    await writing(`${name}, safetensors`, folder, model(), (weights, progress) =>
      writeSafetensors(folder, weights, progress),
    );
  return folder;
}

export function baseOf(name: string): string {
  return join(cacheFolder("bench"), `${name}-v${VERSION}`);
}

export async function writing(
  what: string,
  path: string,
  weights: RandomModel,
  write: (weights: RandomModel, progress: (bytes: number) => void) => Promise<void>,
): Promise<void> {
  const bytes = weights.weights.reduce((sum, weight) => sum + ggufBytes(weight), 0);
  await mkdir(dirname(path), { recursive: true });
  await checkRoom(dirname(path), bytes);
  await reporting(what, bytes, (progress) => write(weights, progress));
}

async function checkRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize > bytes) return;
  throw new Error(
    `${folder}: expected room for ${Math.round(bytes / MIB)} MiB, got ${Math.round((bavail * bsize) / MIB)}. ` +
      "Name a roomier folder in MIXTAPE_CACHE, or fewer shapes with --shapes.",
  );
}

/** Reports progress on standard error, gigabyte by gigabyte. */
async function reporting(
  what: string,
  total: number,
  write: (progress: (bytes: number) => void) => Promise<void>,
): Promise<void> {
  let done = 0;
  let said = 0;
  await write((bytes) => {
    done += bytes;
    if (done - said < 1e9 && done < total) return;
    said = done;
    stderr.write(`writing ${what}: ${(done / 1e9).toFixed(1)} of ${(total / 1e9).toFixed(1)} GB\n`);
  });
}
