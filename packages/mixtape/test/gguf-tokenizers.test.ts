/** Tokenizers of GGUF files encode as llama.cpp does, by every way of splitting (tools/reference/gguf_tokenizers.py). */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { type GGUFTypedMetadata, GGUFValueType, serializeGgufMetadata } from "@huggingface/gguf";
import { openGguf } from "@mixtape/gguf";
import { describe, expect, test } from "vitest";
import { loadTokenizer, type Tokenizer } from "../src/index.js";

interface Golden {
  readonly texts: string[];
  readonly byteLevel: Vocabulary & { readonly merges: string[] };
  readonly sentencePiece: Vocabulary & { readonly scores: number[] };
}

interface Vocabulary {
  readonly tokens: string[];
  readonly types: number[];
  readonly ids: Readonly<Record<string, number[][]>>;
}

const { ARRAY, BOOL, FLOAT32, INT32, STRING, UINT32, UINT64 } = GGUFValueType;
const { texts, byteLevel, sentencePiece } = JSON.parse(
  gunzipSync(readFileSync(new URL("__fixtures__/gguf-tokenizers.json.gz", import.meta.url))).toString(),
) as Golden;

type Entry = { readonly value: unknown; readonly type: GGUFValueType; readonly subType?: GGUFValueType };

/** Loads the tokenizer of a file without tensors. */
async function load(entries: Readonly<Record<string, Entry>>, warnings?: string[]): Promise<Tokenizer> {
  const metadata = {
    version: { value: 3, type: UINT32 },
    tensor_count: { value: 0n, type: UINT64 },
    kv_count: { value: 0n, type: UINT64 },
    "general.architecture": { value: "bert", type: STRING },
    ...Object.fromEntries(Object.entries(entries).map(([key, entry]) => [`tokenizer.ggml.${key}`, entry])),
  } as unknown as GGUFTypedMetadata;
  const onWarning = (message: string): void => {
    if (!warnings) throw new Error(message);
    warnings.push(message);
  };
  return loadTokenizer(await openGguf(new Blob([serializeGgufMetadata(metadata).slice()]), { onWarning }), {
    onWarning,
  });
}

const last = byteLevel.tokens.length - 3;
const gpt2: Readonly<Record<string, Entry>> = {
  model: { value: "gpt2", type: STRING },
  tokens: { value: byteLevel.tokens, type: ARRAY, subType: STRING },
  token_type: { value: byteLevel.types, type: ARRAY, subType: INT32 },
  merges: { value: byteLevel.merges, type: ARRAY, subType: STRING },
  bos_token_id: { value: last, type: UINT32 },
  eos_token_id: { value: last, type: UINT32 },
};

const llama: Readonly<Record<string, Entry>> = {
  model: { value: "llama", type: STRING },
  tokens: { value: sentencePiece.tokens, type: ARRAY, subType: STRING },
  token_type: { value: sentencePiece.types, type: ARRAY, subType: INT32 },
  scores: { value: sentencePiece.scores, type: ARRAY, subType: FLOAT32 },
};

describe("byte-level texts that are split as", () => {
  test.each(Object.entries(byteLevel.ids))("%s", async (pre, ids) => {
    const tokenizer = await load({ ...gpt2, pre: { value: pre, type: STRING } });
    for (const [i, text] of texts.entries()) expect([text, tokenizer.encode(text)]).toEqual([text, ids[i]]);
  });

  test("a file without a pre-tokenizer are split in the default way, with a warning", async () => {
    const warnings: string[] = [];
    const tokenizer = await load(gpt2, warnings);
    expect(warnings).toEqual([expect.stringContaining("tokenizer.ggml.pre is missing")]);
    expect(texts.map((text) => tokenizer.encode(text))).toEqual(byteLevel.ids.default);
  });

  test("an unknown pre-tokenizer are refused", async () => {
    const loading = load({ ...gpt2, pre: { value: "new-idea", type: STRING } });
    await expect(loading).rejects.toThrow("tokenizer.ggml.pre: expected one of gpt-2, phi-2");
  });
});

describe("SentencePiece", () => {
  test.each(Object.entries(sentencePiece.ids))("with a space in front: %s", async (prefix, ids) => {
    const tokenizer = await load({ ...llama, add_space_prefix: { value: prefix === "true", type: BOOL } });
    for (const [i, text] of texts.entries()) expect([text, tokenizer.encode(text)]).toEqual([text, ids[i]]);
    expect(tokenizer.bosToken).toBe("<s>");
  });

  test("texts survive", async () => {
    const tokenizer = await load(llama);
    for (const text of ["naïve", " two  spaces ", "快速的棕色狐狸 🦊"])
      expect(tokenizer.decode(tokenizer.encode(text), { skipSpecialTokens: true })).toBe(text);
  });
});

test.each<readonly [string, Readonly<Record<string, Entry>>, string]>([
  ["another model", { ...gpt2, model: { value: "bert", type: STRING } }, "tokenizer.ggml.model: expected gpt2"],
  ["no tokens", { model: gpt2.model! }, "tokenizer.ggml.tokens: expected the tokens of the vocabulary, got none"],
  ["a token twice", { ...gpt2, tokens: { value: ["a", "a"], type: ARRAY, subType: STRING } }, '"a" as 0 and 1'],
  [
    "few types",
    { ...gpt2, token_type: { value: [1], type: ARRAY, subType: INT32 } },
    "types, one for each token, got 1",
  ],
  ["no merges", { model: gpt2.model!, tokens: gpt2.tokens! }, "tokenizer.ggml.merges: expected the merges"],
  [
    "a token of an absurd length",
    {
      ...llama,
      tokens: { value: [...sentencePiece.tokens.slice(0, -1), "x".repeat(30_000)], type: ARRAY, subType: STRING },
    },
    "expected tokens whose squared lengths sum to",
  ],
  ["no scores", { model: llama.model!, tokens: llama.tokens! }, "scores, one for each token, got none"],
  [
    "a begin-of-text token that is none",
    {
      ...gpt2,
      pre: { value: "gpt-2", type: STRING },
      bos_token_id: { value: 1e6, type: UINT32 },
      add_bos_token: { value: true, type: BOOL },
    },
    "tokenizer.ggml.bos_token_id: expected a token, since add_bos_token is true, got 1000000",
  ],
])("%s is refused", async (_, entries, message) => {
  await expect(load(entries)).rejects.toThrow(message);
});
