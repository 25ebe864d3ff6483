import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Random numbers of one row. */
export interface Rng {
  /** Returns a uniform sample from [0, 1), in float64. */
  uniform(): number;
}

/** Creates the random numbers of a row (xoroshiro128+). They depend on the seed and the row alone: not on the engine or on other rows. */
export function seededRng(seed: number, row: number): Rng {
  const generator = xoroshiro128plus(mix(seed, row));
  return { uniform: () => uniformFloat64(generator) };
}

/** Returns one 32-bit seed per row, unlike for neighbouring rows and seeds (the finalizer of MurmurHash3). */
function mix(seed: number, row: number): number {
  let h = (seed ^ Math.imul(row + 1, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
