/**
 * The header of a GGUF file, version 3: metadata, and the offset of each tensor.
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */

import { GGMLQuantizationType, type GGUFTypedMetadata, GGUFValueType, serializeGgufMetadata } from "@huggingface/gguf";
import { blockBytes } from "./blocks.js";
import { type TypedValue, vocabulary } from "./gguf-vocabulary.js";
import { type GgufValue, type RandomModel, sizeOf, type Weight } from "./model.js";

/** Alignment of tensors unless the metadata set another. */
const ALIGNMENT = 32;

const LLAMA_FTYPE_MOSTLY_BF16 = 32;

/** Returns everything before the first tensor, padded. */
export function ggufHeader(model: RandomModel): Uint8Array {
  let offset = 0;
  const infos = model.weights.map((weight) => {
    const info = tensorInfo(weight, offset);
    offset += aligned(ggufBytes(weight));
    return info;
  });
  const head = Buffer.concat([serializeGgufMetadata(typedMetadata(model), { alignment: 1 }), ...infos]);
  return Buffer.concat([head, padding(head.length)]);
}

/** Returns where each tensor begins in the file. */
export function ggufOffsets(model: RandomModel): ReadonlyMap<string, number> {
  let offset = ggufHeader(model).length;
  return new Map(
    model.weights.map((weight) => {
      const at = offset;
      offset += aligned(ggufBytes(weight));
      return [weight.gguf, at];
    }),
  );
}

/** Returns the bytes of a tensor's values, without padding. */
export function ggufBytes(weight: Weight): number {
  const size = (weight.experts ?? 1) * sizeOf(weight.shape);
  return weight.blocks ? blockBytes(weight.blocks, size) : size * (weight.stored === "matrix" ? 2 : 4);
}

/** Returns zeros up to the beginning of the next tensor. */
export function padding(length: number): Uint8Array {
  return new Uint8Array(aligned(length) - length);
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

function typedMetadata(random: RandomModel): GGUFTypedMetadata {
  const { architecture, metadata, config, weights } = random;
  const model: Record<string, GgufValue> = {
    "general.architecture": architecture,
    "general.file_type": random.fileType ?? LLAMA_FTYPE_MOSTLY_BF16,
    ...Object.fromEntries(Object.entries(metadata).map(([key, value]) => [`${architecture}.${key}`, value])),
    [`${architecture}.vocab_size`]: config.vocab_size,
  };
  return {
    version: { value: 3, type: GGUFValueType.UINT32 },
    tensor_count: { value: BigInt(weights.length), type: GGUFValueType.UINT64 },
    // Counted by the serializer.
    kv_count: { value: 0n, type: GGUFValueType.UINT64 },
    ...Object.fromEntries(Object.entries(model).map(([key, value]) => [key, typed(value)])),
    ...(random.vocabulary ?? vocabulary(config.vocab_size)),
  };
}

function typed(value: GgufValue): TypedValue {
  switch (typeof value) {
    case "string":
      return { value, type: GGUFValueType.STRING };
    case "boolean":
      return { value, type: GGUFValueType.BOOL };
    case "number":
      return { value, type: GGUFValueType.UINT32 };
    default:
      return { value: value.float32, type: GGUFValueType.FLOAT32 };
  }
}

/** Name, sizes (the fastest first), type, and offset after the header. */
function tensorInfo({ gguf, shape, experts, stored, blocks }: Weight, offset: number): Uint8Array {
  const name = Buffer.from(gguf);
  const sizes = experts === undefined ? shape : [experts, ...shape];
  const info = Buffer.alloc(8 + name.length + 4 + 8 * sizes.length + 4 + 8);
  let at = info.writeBigUInt64LE(BigInt(name.length));
  at += name.copy(info, at);
  at = info.writeUInt32LE(sizes.length, at);
  for (const size of sizes.toReversed()) at = info.writeBigUInt64LE(BigInt(size), at);
  at = info.writeUInt32LE(GGMLQuantizationType[blocks ?? (stored === "matrix" ? "BF16" : "F32")], at);
  info.writeBigUInt64LE(BigInt(offset), at);
  return info;
}
