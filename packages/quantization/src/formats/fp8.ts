import { type BlockFormat, type PlaneBytes, toFloat32 } from "@mixtape/safetensors";

/**
 * FP8 in tiles of `[tileRows, tileColumns]` values that share a scale: `W[i, j] = weight[i, j] · scale[i div tileRows, j div
 * tileColumns]`. Tiles at the ends may be smaller. Planes: `weight` (F8_E4M3 or F8_E5M2), `scale` (F32, BF16, F16, or an
 * exponent: F8_E8M0, or U8 for the same bits), of as many rows and columns as there are tiles.
 * Reference: transformers, `integrations/finegrained_fp8.py`, `Fp8Dequantize`.
 */
export function fp8([tileRows, tileColumns]: readonly [number, number]): BlockFormat {
  return {
    name: "fp8",
    parameters: { tileRows, tileColumns },
    hasRows: tileRows === 1,
    decode({ weight, scale }, [rows, columns]) {
      const values = toFloat32(weight!.bytes, weight!.dtype);
      const scales = scalesOf(scale!);
      const perRow = Math.ceil(columns / tileColumns);
      const out = new Float32Array(rows * columns);
      for (let i = 0; i < rows; i++) {
        const first = Math.floor(i / tileRows) * perRow;
        for (let tile = 0; tile < perRow; tile++) {
          const factor = scales[first + tile]!;
          const end = Math.min(columns, (tile + 1) * tileColumns);
          for (let j = tile * tileColumns; j < end; j++) out[i * columns + j] = values[i * columns + j]! * factor;
        }
      }
      return out;
    },
  };
}

/** Decodes scales. Those in U8 are exponents, as in F8_E8M0. */
export function scalesOf({ bytes, dtype }: PlaneBytes): Float32Array {
  return toFloat32(bytes, dtype === "U8" ? "F8_E8M0" : dtype);
}
