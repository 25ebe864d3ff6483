/** A byte-level BPE of a real one's size: what it costs to read a tokenizer is part of a start. */

import { GGUFValueType } from "@huggingface/gguf";
import { array, type TypedValue } from "../weights/gguf-vocabulary.js";
import { xorshift } from "../weights/values.js";

/** llama.cpp's token types. */
const [NORMAL, CONTROL, UNUSED] = [1, 3, 5];

const SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const TEMPLATE =
  "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/**
 * Returns bytes, random merges of letters, three special tokens and unused ones, in the order of Qwen's vocabulary.
 * @param size number of tokens, the unused ones included
 */
export function byteLevelVocabulary(size: number, merges: number): Record<string, TypedValue> {
  const bytes = byteTokens();
  const merged = randomMerges(merges);
  const words = [...bytes, ...merged.map(([left, right]) => left + right)];
  const unused = Array.from({ length: size - words.length - SPECIAL.length }, (_, i) => `[PAD${i}]`);
  const types = [...words.map(() => NORMAL), ...SPECIAL.map(() => CONTROL), ...unused.map(() => UNUSED)];
  return {
    "tokenizer.ggml.model": { value: "gpt2", type: GGUFValueType.STRING },
    "tokenizer.ggml.pre": { value: "qwen2", type: GGUFValueType.STRING },
    "tokenizer.ggml.tokens": array([...words, ...SPECIAL, ...unused], GGUFValueType.STRING),
    "tokenizer.ggml.token_type": array(types, GGUFValueType.INT32),
    "tokenizer.ggml.merges": array(
      merged.map(([left, right]) => `${left} ${right}`),
      GGUFValueType.STRING,
    ),
    "tokenizer.ggml.eos_token_id": { value: words.length + 2, type: GGUFValueType.UINT32 },
    "tokenizer.ggml.padding_token_id": { value: words.length, type: GGUFValueType.UINT32 },
    "tokenizer.ggml.bos_token_id": { value: words.length, type: GGUFValueType.UINT32 },
    "tokenizer.ggml.add_bos_token": { value: false, type: GGUFValueType.BOOL },
    "tokenizer.chat_template": { value: TEMPLATE, type: GGUFValueType.STRING },
  };
}

/** Characters of GPT-2 for the 256 bytes: printable ones stand for themselves, the others for U+0100 and on. */
function byteTokens(): string[] {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  const others = all.filter((byte) => !isPrintable(byte)).map((_, i) => 0x100 + i);
  return [...all.filter(isPrintable), ...others].map((code) => String.fromCodePoint(code));
}

/** Merges of letters, words of up to 16 of them; half begin with a space. */
function randomMerges(count: number): [string, string][] {
  const next = xorshift();
  const inner = [..."abcdefghijklmnopqrstuvwxyz"];
  const first = ["Ġ"];
  const known = new Set<string>();
  const merges: [string, string][] = [];
  while (merges.length < count) {
    const starts = next() % 2 === 0 ? first : inner;
    // Early words are short: an index that is the smaller of two, and endings among the first.
    const left = starts[Math.min(next() % starts.length, next() % starts.length)]!;
    const right = inner[next() % Math.min(inner.length, ENDINGS)]!;
    const word = left + right;
    if (word.length > 16 || known.has(word)) continue;
    known.add(word);
    starts.push(word);
    merges.push([left, right]);
  }
  return merges;
}

/** Words that a merge may end with. */
const ENDINGS = 400;
