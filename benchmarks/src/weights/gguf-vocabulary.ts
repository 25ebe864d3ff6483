/** A SentencePiece vocabulary without words, since llama.cpp's bindings require one: the benchmarks use token ids. */

import { GGUFValueType } from "@huggingface/gguf";

/** llama.cpp's token types. */
const [NORMAL, UNKNOWN, CONTROL, BYTE] = [1, 2, 3, 6];

/** A metadata value with its type, as `serializeGgufMetadata` takes it. */
export interface TypedValue {
  readonly value: string | number | boolean | (string | number)[];
  readonly type: GGUFValueType;
  readonly subType?: GGUFValueType;
}

/** @param size at least 259: three special tokens and the bytes */
export function vocabulary(size: number): Record<string, TypedValue> {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const specials = ["<unk>", "<s>", "</s>"];
  const words = Array.from({ length: size - specials.length - bytes.length }, (_, i) => `<${i}>`);
  const types = [UNKNOWN, CONTROL, CONTROL, ...bytes.map(() => BYTE), ...words.map(() => NORMAL)];
  return {
    "tokenizer.ggml.model": { value: "llama", type: GGUFValueType.STRING },
    "tokenizer.ggml.tokens": array([...specials, ...bytes, ...words], GGUFValueType.STRING),
    "tokenizer.ggml.scores": array(
      types.map(() => 0),
      GGUFValueType.FLOAT32,
    ),
    "tokenizer.ggml.token_type": array(types, GGUFValueType.INT32),
  };
}

export function array(value: (string | number)[], subType: GGUFValueType): TypedValue {
  return { value, type: GGUFValueType.ARRAY, subType };
}
