import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { QWEN3_30B_A3B } from "../shapes/qwen3-30b-a3b.js";
import { baseOf, writing } from "../weights/files.js";
import type { RandomModel } from "../weights/model.js";
import { writeGguf } from "../weights/write-gguf.js";
import { q4kmOf } from "./whole-qwen3.js";

/** The file of the model. */
export interface WholeFile {
  readonly path: string;
  readonly bytes: number;
  readonly model: RandomModel;
}

/**
 * Returns Qwen3-30B-A3B with random weights at Q4_K_M, 18.6 GB, which is written if it does not exist yet.
 * @throws {Error} if the disk is full
 */
export async function wholeFile(): Promise<WholeFile> {
  const path = join(baseOf("qwen3-30b-a3b-whole"), "model-q4_k_m.gguf");
  const model = q4kmOf(QWEN3_30B_A3B);
  if (!existsSync(path))
    await writing("Qwen3-30B-A3B, GGUF", path, model, (weights, progress) => writeGguf(path, weights, progress));
  return { path, bytes: (await stat(path)).size, model };
}
