import { type BlockFormat, toFloat32 } from "@mixtape/safetensors";
import { unpackBits, unpackColumns } from "./bit-stream.js";
import { groupsOf } from "./group-index.js";

/** Parameters of {@link packedIntegers}. */
export interface PackedIntegersOptions {
  /** From 2 to 8. */
  readonly bits: number;
  /** Values along a row that share a scale; the last group of a row may be smaller. */
  readonly groupSize: number;
  /** Whether there is a plane `zeroPoint`, packed along the rows of the matrix. */
  readonly hasZeroPoints: boolean;
  /** Whether there is a plane `groupIndex`: the group of each column, if columns were reordered. */
  readonly hasGroupIndex?: boolean;
  /** Whether each row has its scales. Default: true; otherwise there is one for the whole matrix. */
  readonly hasRows?: boolean;
}

/**
 * Integers packed in the words of a row, as `pack-quantized` of compressed-tensors: `W[i, j] = (q[i, j] − zero[i, g]) ·
 * scale[i, g]` in the group `g = j div groupSize`. A code is an offset from `−2^(bits − 1)`, of values and of zero points.
 * Planes: `weight` (I32, `[rows, ⌈columns · bits / 32⌉]`, a bit stream per row), `scale` (`[rows, groups]`), `zeroPoint`
 * (I32, `[⌈rows · bits / 32⌉, groups]`, a bit stream per column), `groupIndex` (I32, `[columns]`).
 * Reference: compressed_tensors, `compressors/pack_quantized/base.py` and `quantization/lifecycle/forward_helpers.py`.
 */
export function packedIntegers({
  bits,
  groupSize,
  hasZeroPoints,
  hasGroupIndex = false,
  hasRows = true,
}: PackedIntegersOptions): BlockFormat {
  const half = 2 ** (bits - 1);
  return {
    name: "packed-integers",
    parameters: { bits, groupSize, hasZeroPoints, hasGroupIndex },
    hasRows: hasRows && !hasZeroPoints && !hasGroupIndex,
    decode({ weight, scale, zeroPoint, groupIndex }, [rows, columns]) {
      const scales = toFloat32(scale!.bytes, scale!.dtype);
      const groups = hasRows ? scales.length / rows : 1;
      const perRow = hasRows ? groups : 0;
      const zeros = zeroPoint && unpackColumns(zeroPoint.bytes, bits, scales.length / groups, groups);
      const groupOf = groupIndex && groupsOf(groupIndex, groups);
      const rowBytes = weight!.bytes.length / rows;
      const out = new Float32Array(rows * columns);
      for (let i = 0; i < rows; i++) {
        const codes = unpackBits(weight!.bytes.subarray(i * rowBytes, (i + 1) * rowBytes), bits, columns);
        for (let j = 0; j < columns; ) {
          const group = i * perRow + (groupOf?.(j) ?? j / groupSize);
          const zero = zeros ? zeros[group]! : half;
          const scale = scales[group]!;
          const end = groupOf ? j + 1 : Math.min(j + groupSize, columns);
          for (; j < end; j++) out[i * columns + j] = (codes[j]! - zero) * scale;
        }
      }
      return out;
    },
  };
}
