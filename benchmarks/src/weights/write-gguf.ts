import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { randomBlocks } from "./blocks.js";
import { ggufBytes, ggufHeader, padding } from "./gguf-header.js";
import { namesOf, type RandomModel, sizeOf, valuesOf, type Weight } from "./model.js";
import { asFloat32 } from "./values.js";

/**
 * Writes a model as GGUF, under a temporary name until it is complete. One tensor of one expert is in memory at a time.
 */
export async function writeGguf(path: string, model: RandomModel, progress: (bytes: number) => void): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await using file = await open(temporary, "w");
    await file.writeFile(ggufHeader(model));
    for (const weight of model.weights) {
      for (const name of namesOf(weight)) {
        const bytes = ggufValues(weight, name);
        await file.writeFile(bytes);
        progress(bytes.length);
      }
      await file.writeFile(padding(ggufBytes(weight)));
    }
    await file.sync();
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

function ggufValues(weight: Weight, name: string): Uint8Array {
  if (weight.blocks) return randomBlocks(weight.blocks, name, sizeOf(weight.shape), weight.distribution.deviation);
  const values = valuesOf(weight, name);
  return weight.stored === "matrix" ? inOrder(weight, values) : asFloat32(values);
}

/** Interleaves rows `i` and `i + half` of each head, where llama.cpp rotates adjacent features. */
function inOrder({ shape, interleavedHeads }: Weight, values: Uint8Array): Uint8Array {
  if (interleavedHeads === undefined) return values;
  const rows = shape[0]!;
  const rowBytes = values.length / rows;
  const headDim = rows / interleavedHeads;
  const ordered = new Uint8Array(values.length);
  for (let row = 0; row < rows; row++) {
    const [head, i] = [Math.floor(row / headDim), row % headDim];
    const from = head * headDim + (i % 2) * (headDim / 2) + Math.floor(i / 2);
    ordered.set(values.subarray(from * rowBytes, (from + 1) * rowBytes), row * rowBytes);
  }
  return ordered;
}
