import { existsSync } from "node:fs";
import { mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { stderr } from "node:process";
import { cacheFolder } from "../cache-folder.js";
import type { Files } from "../shapes/shape.js";
import { ggufBytes } from "./gguf-header.js";
import type { RandomModel } from "./model.js";
import { writeGguf } from "./write-gguf.js";
import { writeSafetensors } from "./write-safetensors.js";

/** Counts up when the same shape gets other bytes. */
const VERSION = 1;
const MIB = 2 ** 20;

/**
 * A model's two files, written where they are not there yet.
 * @throws {Error} where the disk has no room for them
 */
export async function filesOf(name: string, model: () => RandomModel): Promise<Files & { gguf: string }> {
  const base = join(cacheFolder("bench"), `${name}-v${VERSION}`);
  const files = { folder: join(base, "safetensors"), gguf: join(base, "model.gguf") };
  const written = {
    // A checkpoint is complete when its config is there: that is written last.
    safetensors: existsSync(join(files.folder, "config.json")),
    gguf: existsSync(files.gguf),
  };
  if (written.safetensors && written.gguf) return files;
  const weights = model();
  const bytes = weights.weights.reduce((sum, weight) => sum + ggufBytes(weight), 0);
  await mkdir(base, { recursive: true });
  await checkRoom(base, bytes * ((written.safetensors ? 0 : 1) + (written.gguf ? 0 : 1)));
  if (!written.safetensors)
    await reporting(`${name}, safetensors`, bytes, (progress) => writeSafetensors(files.folder, weights, progress));
  if (!written.gguf) await reporting(`${name}, GGUF`, bytes, (progress) => writeGguf(files.gguf, weights, progress));
  return files;
}

async function checkRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize > bytes) return;
  throw new Error(
    `${folder}: expected room for ${Math.round(bytes / MIB)} MiB, got ${Math.round((bavail * bsize) / MIB)}. ` +
      "Name a roomier folder in MIXTAPE_CACHE, or fewer shapes with --shapes.",
  );
}

/** Writes how far something is on standard error, gigabyte by gigabyte. */
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
