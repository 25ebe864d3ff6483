import { readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { fc, test as prop } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { Tokenizer, TokenizerError } from "../src/index.js";
import { folderOf, goldenOf, NAMES, textOf, tokenizerOf } from "./fixtures.js";

describe.each(NAMES)("%s agrees with Python", (name) => {
  const golden = goldenOf(name);

  test("vocabSize", async () => {
    expect((await tokenizerOf(name)).vocabSize).toBe(golden.vocabSize);
  });

  test.each(golden.encodes)("encode $text", async ({ text, ids, idsWithoutSpecial }) => {
    const tokenizer = await tokenizerOf(name);
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(idsWithoutSpecial);
  });

  test.each(golden.decodes)("decode $text", async ({ ids, text, textWithoutSpecial }) => {
    const tokenizer = await tokenizerOf(name);
    expect(tokenizer.decode(ids)).toBe(text);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(textWithoutSpecial);
  });
});

describe("any text comes back", async () => {
  const options = { numRuns: 300 };
  // "▁" stands for a space in Mixtral's vocabulary, and comes back as one in Python too.
  const arbitrary = fc.string({ unit: "binary", maxLength: 40 }).filter((text) => !text.includes("▁"));
  for (const name of ["llama3", "mixtral"] as const) {
    const tokenizer = await tokenizerOf(name);
    prop.prop([arbitrary], options)(name, (text) => {
      expect(tokenizer.decode(tokenizer.encode(text), { skipSpecialTokens: true })).toBe(text);
    });
  }
});

test("special tokens, from the config, as texts or objects", async () => {
  const mixtral = await tokenizerOf("mixtral");
  expect([mixtral.bosToken, mixtral.bosTokenId]).toEqual(["<s>", 1]);
  expect([mixtral.eosToken, mixtral.eosTokenId]).toEqual(["</s>", 2]);
  expect([mixtral.unkToken, mixtral.unkTokenId]).toEqual(["<unk>", 0]);
  expect([mixtral.padToken, mixtral.padTokenId]).toEqual([null, null]);
  const again = Tokenizer.fromJSON(JSON.parse(textOf("mixtral", "tokenizer.json")), {
    eos_token: { content: "</s>", lstrip: false },
    pad_token: "<nowhere>",
  });
  expect([again.eosToken, again.eosTokenId]).toEqual(["</s>", 2]);
  expect([again.padToken, again.padTokenId]).toEqual(["<nowhere>", 569]);
});

test("idOf and tokenOf", async () => {
  const qwen = await tokenizerOf("qwen");
  const id = qwen.idOf("<|im_end|>");
  expect(id).toBe(qwen.eosTokenId);
  expect(qwen.tokenOf(id as number)).toBe("<|im_end|>");
  expect(qwen.idOf("no such token")).toBeUndefined();
  expect(qwen.tokenOf(qwen.vocabSize)).toBeUndefined();
});

test("ids without a token have no text, and no ids have none", async () => {
  const qwen = await tokenizerOf("qwen");
  const ids = qwen.encode("Hello");
  expect(qwen.decode([qwen.vocabSize + 7, ...ids, 2 ** 32 - 1])).toBe("Hello");
  expect(qwen.decode([99_999])).toBe("");
  expect(qwen.decode([])).toBe("");
  expect(qwen.decode(Int32Array.from(ids))).toBe("Hello");
});

test.each([-1, 1.5, Number.NaN, 2 ** 32, "1", null])("%s is no id", async (id) => {
  const qwen = await tokenizerOf("qwen");
  const ids = [id as number];
  expect(() => qwen.decode(ids)).toThrow(/^decode: expected ids, whole numbers from 0 to 4294967295, got /);
  expect(() => qwen.stream().push(id as number)).toThrow(TokenizerError);
});

test("spaces before punctuation stay in a BPE's text, whatever the config says", async () => {
  const tokenizer = Tokenizer.fromJSON(JSON.parse(textOf("llama3", "tokenizer.json")), {
    clean_up_tokenization_spaces: true,
  });
  expect(tokenizer.decode(tokenizer.encode("a . b", { addSpecialTokens: false }))).toBe("a . b");
});

test("and close up in a WordPiece's, where the config says so", () => {
  const json = { decoder: { type: "WordPiece", prefix: "##", cleanup: false }, model: wordPiece };
  const ids = [1, 2, 3];
  expect(Tokenizer.fromJSON(json).decode(ids)).toBe("ab .");
  expect(Tokenizer.fromJSON(json, { clean_up_tokenization_spaces: true }).decode(ids)).toBe("ab.");
});

describe("sources", () => {
  const json = textOf("mixtral", "tokenizer.json");
  const config = textOf("mixtral", "tokenizer_config.json");

  test("a folder by URL", async () => {
    const tokenizer = await Tokenizer.fromFolder(pathToFileURL(folderOf("mixtral")));
    expect(tokenizer.bosTokenId).toBe(1);
  });

  test("texts, blobs, buffers and bytes, in an object or a map", async () => {
    const bytes = new TextEncoder().encode(json);
    for (const file of [json, new Blob([json]), bytes, bytes.buffer as ArrayBuffer]) {
      const files = { "tokenizer.json": file, "tokenizer_config.json": config };
      expect((await Tokenizer.fromFiles(files)).bosTokenId).toBe(1);
      expect((await Tokenizer.fromFiles(new Map(Object.entries(files)))).bosTokenId).toBe(1);
    }
  });

  test("special_tokens_map.json goes before the config, as in transformers", async () => {
    const tokenizer = await Tokenizer.fromFiles({
      "tokenizer.json": json,
      "tokenizer_config.json": '{"eos_token": "<s>"}',
      "special_tokens_map.json": '{"eos_token": "</s>", "bos_token": {"content": "<s>"}}',
    });
    expect([tokenizer.eosToken, tokenizer.bosToken]).toEqual(["</s>", "<s>"]);
  });
});

describe("bad input", () => {
  const message = async (promise: Promise<unknown>): Promise<string> => {
    const error = await promise.then(
      () => new Error("nothing was thrown"),
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(TokenizerError);
    return (error as Error).message;
  };

  test("a folder that is not there", async () => {
    expect(await message(Tokenizer.fromFolder("/no/such/folder"))).toMatch(
      /^\/no\/such\/folder: expected a folder with a tokenizer, got nothing of this name\. Check the path\.$/,
    );
  });

  test("a folder without tokenizer", async () => {
    const folder = folderOf("qwen").replace(/\/qwen$/, "");
    expect(await message(Tokenizer.fromFolder(folder))).toBe(
      `${folder}: expected a file tokenizer.json, got ${readdirSync(folder).join(", ")}. ` +
        "Copy tokenizer.json from the model's page into the folder.",
    );
  });

  test("only an older format", async () => {
    expect(await message(Tokenizer.fromFiles({ "tokenizer.model": new ArrayBuffer(3) }))).toBe(
      "tokenizer files: expected a file tokenizer.json, got tokenizer.model. tokenizer.model is an older format: " +
        "AutoTokenizer.from_pretrained(folder).save_pretrained(folder) in Python writes tokenizer.json.",
    );
  });

  test("broken JSON, named", async () => {
    expect(await message(Tokenizer.fromFiles({ "tokenizer.json": '{"model": ' }))).toMatch(
      /^tokenizer files: tokenizer\.json: expected JSON, got Unexpected end/,
    );
    const files = { "tokenizer.json": textOf("qwen", "tokenizer.json"), "tokenizer_config.json": "[]" };
    expect(await message(Tokenizer.fromFiles(files))).toBe(
      "tokenizer files: tokenizer_config.json: expected a JSON object, got an array.",
    );
  });

  test("JSON that is no tokenizer", async () => {
    expect(await message(Tokenizer.fromFiles({ "tokenizer.json": "{}" }))).toMatch(
      /^tokenizer files: tokenizer\.json: model: expected a JSON object, got nothing\.$/,
    );
    const unknown = {
      "tokenizer.json": '{"model": {"type": "BPE", "vocab": {}, "merges": []}, "decoder": {"type": "Tarot"}}',
    };
    expect(await message(Tokenizer.fromFiles(unknown))).toMatch(
      /tokenizer\.json: decoder\.type: expected one of Sequence, BPEDecoder, .*, got "Tarot"\.$/,
    );
  });

  prop.prop([fc.jsonValue({ maxDepth: 3 })])("any JSON value gives a tokenizer or a TokenizerError", async (value) => {
    try {
      await Tokenizer.fromFiles({ "tokenizer.json": JSON.stringify(value) });
    } catch (error) {
      expect(error).toBeInstanceOf(TokenizerError);
    }
  });
});

const wordPiece = {
  type: "WordPiece",
  unk_token: "[UNK]",
  continuing_subword_prefix: "##",
  max_input_chars_per_word: 100,
  vocab: { "[UNK]": 0, a: 1, "##b": 2, ".": 3 },
};
