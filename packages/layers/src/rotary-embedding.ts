import { type DecoderConfig, type RopeFrequencies, ropeFrequencies } from "@mixtape/config";
import type { RotaryTables } from "@mixtape/ops";
import { tensor3d } from "@tensorflow/tfjs-core";

/** Part of a config that rotary positions use. */
export type RotaryConfig = Pick<DecoderConfig, "ropeParameters" | "headDim" | "maxPositionEmbeddings">;

/** Positions of tokens: `values` row by row, `[rows, length]`; one row if all rows of a batch share them. */
export interface Positions {
  readonly rows: number;
  readonly length: number;
  readonly values: Int32Array;
}

/** Computes the cosines and sines that all layers of a forward pass share. It has no parameters. */
export class RotaryEmbedding {
  readonly #config: RotaryConfig;

  constructor(config: RotaryConfig) {
    this.#config = config;
  }

  /** @returns `[rows, length, d]` cosines and sines, float32, times the attention factor of the RoPE type. */
  tables({ rows, length, values }: Positions): RotaryTables {
    const { inverse, scaling } = this.#frequencies(values);
    const half = inverse.length;
    const cos = new Float32Array(values.length * 2 * half);
    const sin = new Float32Array(cos.length);
    values.forEach((position, token) => {
      const at = token * 2 * half;
      for (let i = 0; i < half; i++) {
        const angle = Math.fround(position * inverse[i]!);
        cos[at + i] = cos[at + half + i] = Math.fround(Math.cos(angle)) * scaling;
        sin[at + i] = sin[at + half + i] = Math.fround(Math.sin(angle)) * scaling;
      }
    });
    const shape: [number, number, number] = [rows, length, 2 * half];
    return { cos: tensor3d(cos, shape), sin: tensor3d(sin, shape) };
  }

  #frequencies(positions: Int32Array): RopeFrequencies {
    const length = positions.reduce((max, position) => Math.max(max, position), -1) + 1;
    return ropeFrequencies(this.#config.ropeParameters, { ...this.#config, length });
  }
}
