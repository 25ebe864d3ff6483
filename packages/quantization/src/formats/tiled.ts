import { type BlockFormat, type PlaneBytes, toFloat32 } from "@mixtape/safetensors";

/** Parameters of {@link tiled}. */
export interface TiledOptions {
  /** Name of the format: `fp8`, `mxfp4`, `int8`. */
  readonly name: string;
  /** Rows and columns that share a scale. */
  readonly tile: readonly [rows: number, columns: number];
  /**
   * Meaning of a plane `globalScale`: it multiplies or divides the scales of a matrix, or it is the largest magnitude of
   * the matrix, which is 6 · 448, the largest value times the largest scale of NVFP4. Default: there is none.
   */
  readonly globalScale?: "multiplies" | "divides" | "amax";
  /** Constant that multiplies every value. Default: 1. */
  readonly factor?: number;
}

/**
 * Values of a narrow dtype, in tiles that share a scale: `W[i, j] = (weight[i, j] − zeroPoint[t]) · scale[t]` in the tile
 * `t = (i div tileRows, j div tileColumns)`. Tiles at the ends may be smaller. Planes: `weight` (F8, F6, F4 or I8), `scale`
 * (a float, or an exponent: F8_E8M0, or U8 for the same bits), of as many rows and columns as there are tiles, and
 * possibly `zeroPoint` (I8, as `scale`) and `globalScale`.
 *
 * The formats are FP8 of DeepSeek-V3 (transformers, `integrations/finegrained_fp8.py`), the OCP Microscaling formats MXFP8, MXFP6
 * and MXFP4 (scales E8M0, 32 columns; https://arxiv.org/abs/2310.10537), NVFP4 (scales E4M3, 16 columns, a global scale), and the
 * int8 of compressed-tensors (`quantization/lifecycle/forward_helpers.py`, `_dequantize`) and of bitsandbytes.
 */
export function tiled({ name, tile, globalScale, factor = 1 }: TiledOptions): BlockFormat {
  const [tileRows, tileColumns] = tile;
  return {
    name,
    parameters: {
      tileRows,
      tileColumns,
      ...(globalScale && { globalDivides: globalScale === "divides", globalIsAmax: globalScale === "amax" }),
    },
    hasRows: tileRows === 1,
    decode(planes, [rows, columns]) {
      const out = toFloat32(planes.weight!.bytes, planes.weight!.dtype);
      const scales = scalesOf(planes.scale!, globalScale && { plane: planes.globalScale!, meaning: globalScale });
      const zeros = planes.zeroPoint && toFloat32(planes.zeroPoint.bytes, planes.zeroPoint.dtype);
      const perRow = Math.ceil(columns / tileColumns);
      for (let i = 0; i < rows; i++) {
        const first = Math.floor(i / tileRows) * perRow;
        for (let t = 0; t < perRow; t++) {
          const scale = scales[first + t]!;
          const zero = zeros ? zeros[first + t]! : 0;
          const end = i * columns + Math.min(columns, (t + 1) * tileColumns);
          for (let k = i * columns + t * tileColumns; k < end; k++) out[k] = (out[k]! - zero) * scale;
        }
      }
      if (factor !== 1) for (let k = 0; k < out.length; k++) out[k]! *= factor;
      return out;
    },
  };
}

/** Decodes scales, in float32. Those in U8 are exponents, as in F8_E8M0. */
function scalesOf(
  { bytes, dtype }: PlaneBytes,
  global: { plane: PlaneBytes; meaning: NonNullable<TiledOptions["globalScale"]> } | undefined,
): Float32Array {
  const scales = toFloat32(bytes, dtype === "U8" ? "F8_E8M0" : dtype);
  if (!global) return scales;
  const value = toFloat32(global.plane.bytes, global.plane.dtype)[0]!;
  if (global.meaning === "divides") return scales.map((scale) => scale / value);
  const factor = global.meaning === "amax" ? Math.fround(value / (6 * 448)) : value;
  return scales.map((scale) => scale * factor);
}
