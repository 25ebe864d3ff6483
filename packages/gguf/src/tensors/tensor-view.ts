import { safeName } from "@mixtape/errors";
import { type ByteSource, quantizedView, type TensorView, viewOf } from "@mixtape/safetensors";
import { GgufUnsupportedError } from "../errors.js";
import type { TensorInfo } from "../header/read-header.js";
import { bytesOfRow, unsupportedType } from "../header/tensor-type.js";

/** A tensor, and the file that it is in. */
export interface StoredTensor {
  readonly info: TensorInfo;
  readonly file: ByteSource;
}

/**
 * Views a tensor of a file.
 * @param name its name in a Hugging Face checkpoint
 * @throws {GgufUnsupportedError} for a type that is not supported, and for quantised values that are neither a matrix nor a stack of matrices
 */
export function viewOfTensor(name: string, { info, file }: StoredTensor, shape = info.shape): TensorView {
  const { type, offset } = info;
  if (type.kind === "unsupported") throw unsupportedType(type, `${file.name}: tensor ${safeName(info.name)}`);
  if (type.kind === "plain") return viewOf(name, type.dtype, shape, file, offset);
  if (shape.length < 2 || shape.length > 3)
    throw new GgufUnsupportedError({
      where: `${file.name}: tensor ${info.name}`,
      expected: `a matrix or a stack of matrices of type ${type.name}`,
      got: `[${shape.join(", ")}]`,
    });
  const bytes = [...shape.slice(0, -1), bytesOfRow(type, shape.at(-1)!)!];
  // The dtype before quantisation is not in the file; most models are published in bfloat16.
  return quantizedView({
    name,
    shape,
    savedAs: "BF16",
    format: type.format,
    planes: { weight: viewOf(name, "U8", bytes, file, offset) },
  });
}
