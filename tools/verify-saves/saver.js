// Saves versions into a folder, one after the other: node saver.js FOLDER FIRST LAST. Tensors and config contain the
// version.
// Reports each version before saving it.

import { writeCheckpoint } from "@mixtape/safetensors";

const [folder, first, last] = process.argv.slice(2);

for (let version = Number(first); version <= Number(last); version++) {
  process.send?.(version);
  try {
    // One file, two shards, one file per tensor: each layout replaces each.
    const maxShardBytes = [5e9, 2 ** 17, 2 ** 16][version % 3];
    await writeCheckpoint(folder, tensorsOf(version), {
      maxShardBytes,
      files: { "config.json": JSON.stringify({ version }) },
    });
  } catch (error) {
    console.log(`${error.name}: ${error.message}`);
    process.exit(3);
  }
}

function tensorsOf(version) {
  const values = new Float32Array(2 ** 14).fill(version);
  const bytes = new Uint8Array(values.buffer);
  return ["a", "b", "c", "d"].map((name) => ({ name, dtype: "F32", shape: [values.length], bytes }));
}
