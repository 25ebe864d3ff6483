import { RegexError } from "@mixtape/regex";
import { describe, expect, test } from "vitest";
import { Tokenizer, TokenizerError } from "../src/index.js";

const long = "x".repeat(300);
const between = { type: "Replace", pattern: { String: "" }, content: long };
const times = (part: object, count: number): object[] => Array.from({ length: count }, () => part);
const model = { type: "BPE", vocab: { a: 0, x: 1, "<unk>": 2 }, merges: [], unk_token: "<unk>" };
const normalizing = (normalizers: object[]) => ({ model, normalizer: { type: "Sequence", normalizers } });
const decoding = (decoders: object[]) => ({ model, decoder: { type: "Sequence", decoders } });

function thrown(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("stages that let a text grow without end are refused before there is no memory", () => {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
  test.each([
    [
      "a text put in front, and another between all characters",
      normalizing([{ type: "Prepend", prepend: long }, between]),
    ],
    ["texts between all characters, by a regular expression", normalizing([{ ...between, pattern: { Regex: "" } }])],
    ["bytes of bytes of bytes", normalizing(times({ type: "ByteLevel" }, 40))],
    ["the same in words", { model, pre_tokenizer: { type: "Sequence", pretokenizers: times(byteLevel, 40) } }],
    [
      "pieces between added tokens",
      {
        ...normalizing([{ type: "Prepend", prepend: long }]),
        added_tokens: [{ id: 2, content: "é", special: true }],
      },
    ],
  ])("%s", (_, json) => {
    const tokenizer = Tokenizer.fromJSON(json);
    const text = "é a".repeat(170);
    for (const encode of [() => tokenizer.encode(text), () => tokenizer.encodeWithOffsets(text)]) {
      const error = thrown(encode);
      expect(error).toBeInstanceOf(TokenizerError);
      expect((error as Error).message).toMatch(
        /normalizer, pre_tokenizer: expected at most 26320 characters added to a text of 510, got more/,
      );
    }
  });

  test.each([
    ["a text between all characters, twice", decoding([between, between])],
    ["spaces between all characters, many times", decoding(times({ type: "BPEDecoder", suffix: "" }, 40))],
    ["one decoder alone", { model, decoder: { ...between, content: long.repeat(1_000) } }],
  ])("decoders: %s", (_, json) => {
    const tokenizer = Tokenizer.fromJSON(json);
    const error = thrown(() => tokenizer.decode(Array.from({ length: 100 }, () => 0)));
    expect(error).toBeInstanceOf(TokenizerError);
    expect((error as Error).message).toMatch(
      /decoder: expected at most 16400 characters added to a text of 200, got more/,
    );
  });

  test("tokens that come to more than a text can hold", () => {
    const tokenizer = Tokenizer.fromJSON({ model: { ...model, vocab: { ["a".repeat(2 ** 20)]: 0 }, unk_token: null } });
    const error = thrown(() => tokenizer.decode(Array.from({ length: 1_000 }, () => 0)));
    expect(error).toBeInstanceOf(TokenizerError);
    expect((error as Error).message).toMatch(/decoder: expected at most 268435456 characters, got 1048577000/);
  });

  test("an added token that the normalizer makes long", () => {
    const added_tokens = [{ id: 2, content: "a".repeat(300), normalized: true }];
    expect(() => Tokenizer.fromJSON({ ...normalizing([between]), added_tokens })).toThrow(
      /normalizer, on added_tokens: expected at most 19600 characters added to a text of 300, got more/,
    );
  });

  test.each([
    [{ ...normalizing(times({ type: "NFC" }, 257)) }, "normalizer: expected at most 256 parts, got 257."],
    [
      normalizing(times({ type: "Sequence", normalizers: times({ type: "NFC" }, 20) }, 20)),
      "normalizer.normalizers[11]: expected at most 256 parts, got 260.",
    ],
    [
      { model: { ...model, continuing_subword_prefix: "#".repeat(17) } },
      "model.continuing_subword_prefix: expected at most 16 characters, got 17.",
    ],
    [
      { model: { ...model, end_of_word_suffix: long } },
      "model.end_of_word_suffix: expected at most 16 characters, got 300.",
    ],
    [
      {
        model,
        post_processor: {
          type: "TemplateProcessing",
          single: times({ Sequence: { id: "A", type_id: 0 } }, 101),
          pair: [],
          special_tokens: {},
        },
      },
      "post_processor.single: expected at most 100 entries, got 101.",
    ],
  ])("a file with too much of something: %#", (json, message) => {
    expect(() => Tokenizer.fromJSON(json)).toThrow(message);
  });
});

test("what Unicode itself lets grow is let grow", () => {
  // U+FDFA has the longest compatible form of all characters: 18.
  const tokenizer = Tokenizer.fromJSON({ model, normalizer: { type: "NFKD" } });
  const { ids, offsets } = tokenizer.encodeWithOffsets("\ufdfa".repeat(1_000));
  expect(ids).toHaveLength(18_000);
  expect(offsets.at(-1)).toEqual([999, 1_000]);
});

test("a pattern of thousands of words does not begin anew with its steps at each of many pieces", () => {
  const pieces = { type: "FixedLength", length: 1 };
  const words = {
    type: "Split",
    pattern: { Regex: `(?:${"b|".repeat(15_000)}c)*` },
    behavior: "Isolated",
    invert: false,
  };
  const pre_tokenizer = { type: "Sequence", pretokenizers: [pieces, words] };
  const tokenizer = Tokenizer.fromJSON({ model, pre_tokenizer });
  expect(tokenizer.encode("a".repeat(10))).toHaveLength(10);
  expect(thrown(() => tokenizer.encode("a".repeat(1_000)))).toBeInstanceOf(RegexError);
});
