import { type BlockFormat, toFloat32 } from "@mixtape/safetensors";
import { unpackBits } from "./bit-stream.js";

/** Parameters of {@link affine}. */
export interface AffineOptions {
  /** From 2 to 8. */
  readonly bits: number;
  /** Values along a row that share a scale and a bias. */
  readonly groupSize: number;
}

/**
 * Unsigned integers with a scale and a bias, as MLX: `W[i, j] = q[i, j] · scale[i, g] + bias[i, g]` in the group `g = j div
 * groupSize`. Planes: `weight` (U32, `[rows, columns · bits / 32]`, a bit stream per row), `scale` and `bias` (`[rows, groups]`).
 * Reference: mlx, `mlx/backend/cpu/quantized.cpp`.
 */
export function affine({ bits, groupSize }: AffineOptions): BlockFormat {
  return {
    name: "affine",
    parameters: { bits, groupSize },
    hasRows: true,
    decode({ weight, scale, bias }, [rows, columns]) {
      const scales = toFloat32(scale!.bytes, scale!.dtype);
      const biases = toFloat32(bias!.bytes, bias!.dtype);
      const codes = unpackBits(weight!.bytes, bits, rows * columns);
      const out = new Float32Array(rows * columns);
      // Groups fill rows.
      for (let group = 0, k = 0; group < scales.length; group++) {
        const scale = scales[group]!;
        const offset = biases[group]!;
        // Rounded after each step, as the library computes.
        for (const end = k + groupSize; k < end; k++) out[k] = Math.fround(codes[k]! * scale) + offset;
      }
      return out;
    },
  };
}
