import { type BlockFormat, toFloat32 } from "@mixtape/safetensors";

/**
 * A block format of ggml, the library of llama.cpp: `blockSize` consecutive values of a row are `blockBytes` bytes, which
 * hold their scales too. Its one plane is `weight`: U8, `[rows, columns / blockSize · blockBytes]`.
 *
 * Formulas: the `block_*` structures and `dequantize_row_*` functions of ggml; the `gguf` Python package has the same.
 * All products and sums are exact in float64 and are rounded once, when they are stored, as there.
 */
export interface GgmlFormat extends BlockFormat {
  /** Number of the type in a GGUF file. */
  readonly id: number;
  /** Values of a block. */
  readonly blockSize: number;
  /** Bytes of a block. */
  readonly blockBytes: number;
  /** Decodes whole blocks; `values` has `blockSize` elements for each of them. */
  decodeBlocks(bytes: Uint8Array, values: Float32Array): void;
}

/** Creates a format from its block sizes and the decoding of blocks. */
export function ggmlFormat(
  blocks: Pick<GgmlFormat, "name" | "id" | "blockSize" | "blockBytes" | "decodeBlocks">,
): GgmlFormat {
  return {
    ...blocks,
    hasRows: true,
    decode({ weight }, [rows, columns]) {
      const values = new Float32Array(rows * columns);
      blocks.decodeBlocks(weight!.bytes, values);
      return values;
    },
  };
}

let halves: Float32Array | undefined;

/** Returns the value of every float16 by its bits. */
export function float16Values(): Float32Array {
  halves ??= toFloat32(new Uint8Array(Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits).buffer), "F16");
  return halves;
}
