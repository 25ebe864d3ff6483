import { type Tensor, tensor } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";

/** Generator of random tensors for training. The seed decides all draws, which are the same on every engine. */
export class Rng {
  readonly #seed: number;
  #draws: number;

  /** @param seed a whole number; all of its lower 53 bits count */
  constructor(seed: number, draws = 0) {
    if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(draws))
      throw new OpsError({ where: "Rng", expected: "whole numbers", got: `${seed} and ${draws}` });
    this.#seed = seed;
    this.#draws = draws;
  }

  /** Returns a generator with the same further draws. */
  copy(): Rng {
    return new Rng(this.#seed, this.#draws);
  }

  /**
   * Returns a new generator that depends only on the seed and a label, not on earlier draws. For a part of a forward pass whose
   * numbers must not depend on what else runs.
   */
  split(label: string): Rng {
    let seed = mix(this.#seed >>> 0, Math.floor(this.#seed / 2 ** 32) >>> 0);
    for (const letter of label) seed = mix(seed, letter.codePointAt(0)!);
    return new Rng(seed >>> 0);
  }

  /** Draws uniform samples from [0, 1). */
  uniform(shape: readonly number[]): Tensor {
    return tensor(this.#samples(shape.reduce((product, n) => product * n, 1)), [...shape]);
  }

  /** Draws samples from the standard normal distribution (Box & Muller 1958). */
  normal(shape: readonly number[]): Tensor {
    const size = shape.reduce((product, n) => product * n, 1);
    const samples = this.#samples(2 * size);
    const values = Float32Array.from(
      { length: size },
      (_, i) => Math.sqrt(-2 * Math.log(1 - samples[2 * i]!)) * Math.cos(2 * Math.PI * samples[2 * i + 1]!),
    );
    return tensor(values, [...shape]);
  }

  #samples(size: number): Float32Array {
    const key = mix(mix(this.#seed >>> 0, Math.floor(this.#seed / 2 ** 32) >>> 0), this.#draws++);
    const values = new Float32Array(size);
    for (let i = 0; i < size; i++) values[i] = (mix(key, i) >>> 8) * 2 ** -24;
    return values;
  }
}

let current: Rng | undefined;

/**
 * Runs a forward pass with dropout and jitter on, drawing from `rng`; off if undefined. Recomputations for gradients that are
 * taken inside draw the same numbers again.
 */
export function withRng<T>(randomness: Rng | undefined, f: () => T): T {
  const outer = current;
  current = randomness;
  try {
    return f();
  } finally {
    current = outer;
  }
}

/** Returns the generator that dropout and jitter draw from; undefined outside of {@link withRng}, as in inference. */
export function currentRng(): Rng | undefined {
  return current;
}

/** Hashes counter `i` under a key to 32 bits, by applying the finaliser of murmur3 twice. */
function mix(key: number, i: number): number {
  return finalize((finalize((i + 0x9e3779b9) | 0) ^ key) | 0);
}

function finalize(bits: number): number {
  let h = bits;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
