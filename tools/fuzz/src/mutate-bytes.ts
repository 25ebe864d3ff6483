import type { Random } from "./random.js";

/** Returns bytes with one to four changes: flips, cuts, repetitions, wrong lengths. */
export function mutateBytes(source: Uint8Array, random: Random): Uint8Array {
  // `slice` of a Buffer would share its memory.
  let bytes: Uint8Array = new Uint8Array(source);
  for (let i = 1 + random.below(4); i > 0; i--) bytes = changed(bytes, random);
  return bytes;
}

function changed(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(random.below(256));
  const at = random.below(bytes.length);
  switch (random.below(6)) {
    case 0:
      bytes[at] = random.below(256);
      return bytes;
    case 1:
      bytes[at]! ^= 1 << random.below(8);
      return bytes;
    case 2:
      return bytes.slice(0, at);
    case 3: {
      const piece = bytes.slice(at, at + 1 + random.below(64));
      return joined(bytes.subarray(0, at), piece, bytes.subarray(at));
    }
    case 4:
      return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(16)));
    default: {
      const value = random.pick([0n, 1n, 7n, 0x7fffffffn, 0xffffffffn, 1n << 53n, (1n << 63n) - 1n, (1n << 64n) - 1n]);
      if (bytes.length >= 8)
        new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(
          random.chance(0.5) ? 0 : random.below(bytes.length - 7),
          value,
          true,
        );
      return bytes;
    }
  }
}

/** Concatenates byte arrays. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
