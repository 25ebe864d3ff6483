/**
 * Random values that are the same on every machine, and cost little more than copying: one block of normally
 * distributed numbers is drawn, and each tensor reads it cyclically from its own offset.
 */

import { fromFloat32, toFloat32 } from "@mixtape/safetensors";

/** Distribution of the values of a tensor. */
export interface Distribution {
  readonly mean: number;
  readonly deviation: number;
}

/** Not a multiple of any dimension of a model, so that rows of a matrix do not repeat. */
const LENGTH = 4_194_301;
/** Bytes of a bfloat16. */
const BYTES = 2;

let normals: Float32Array | undefined;
const blocks = new Map<string, Uint8Array>();

/** Returns the values of a tensor as bfloat16, little-endian. The name decides the offset in the block. */
export function bfloat16Values(name: string, count: number, distribution: Distribution): Uint8Array {
  const block = blockOf(distribution);
  const bytes = new Uint8Array(count * BYTES);
  for (let done = 0, from = (hash(name) % LENGTH) * BYTES; done < bytes.length; from = 0) {
    const part = block.subarray(from, from + bytes.length - done);
    bytes.set(part, done);
    done += part.length;
  }
  return bytes;
}

/** Converts the values to float32. */
export function asFloat32(bfloat16: Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = toFloat32(bfloat16, "BF16");
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function blockOf({ mean, deviation }: Distribution): Uint8Array {
  const key = `${mean} ${deviation}`;
  const known = blocks.get(key);
  if (known) return known;
  normals ??= drawNormals();
  const block = fromFloat32(
    normals.map((x) => mean + deviation * x),
    "BF16",
  );
  blocks.set(key, block);
  return block;
}

/** Sums of twelve uniform numbers, less their mean: nearly normal, of deviation 1, with exact arithmetic only. */
function drawNormals(): Float32Array {
  const values = new Float32Array(LENGTH);
  const next = xorshift();
  for (let i = 0; i < LENGTH; i++) {
    let sum = 0;
    for (let n = 0; n < 6; n++) {
      // Two numbers of 16 bits each.
      const bits = next();
      sum += (bits & 0xffff) + (bits >>> 16);
    }
    values[i] = (sum - 6 * 0xffff) / 0x10000;
  }
  return values;
}

/** Returns a generator of 32 random bits, Marsaglia's xorshift. */
export function xorshift(seed = 0x9e3779b9): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** FNV-1a. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
