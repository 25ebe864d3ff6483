import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Tokenizer, TokenizerError } from "../src/index.js";

const bpe = (vocab: object, merges: unknown[] = [], more: object = {}) => ({
  model: { type: "BPE", vocab, merges, ...more },
});

function refusal(json: object): string {
  try {
    Tokenizer.fromJSON(json);
  } catch (error) {
    expect(error).toBeInstanceOf(TokenizerError);
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
}

describe("work grows with the text, not with its square", () => {
  // A thousand times the work of a short text would take hours here if each piece were looked at again for each merge.
  const letters = { a: 0, aa: 1, aaaa: 2, aaaaaaaa: 3, b: 4, "▁": 5 };
  const merges = [
    ["a", "a"],
    ["aa", "aa"],
    ["aaaa", "aaaa"],
  ];
  const million = "a".repeat(1_000_000);

  test("a word of a million letters", () => {
    const ids = Tokenizer.fromJSON(bpe(letters, merges)).encode(million);
    expect(ids.length).toBe(125_000);
    expect(new Set(ids)).toEqual(new Set([3]));
  });

  test("added tokens that all but match everywhere", () => {
    const added_tokens = [{ id: 9, content: `${"a".repeat(5_000)}b`, special: true }];
    const tokenizer = Tokenizer.fromJSON({ ...bpe(letters, merges), added_tokens });
    expect(tokenizer.encode(`${million}b`).at(-1)).toBe(6);
  });

  test("fifty thousand added tokens", () => {
    const added_tokens = Array.from({ length: 50_000 }, (_, id) => ({ id, content: `<${id}>`, special: true }));
    const tokenizer = Tokenizer.fromJSON({ ...bpe(letters, merges), added_tokens });
    expect(tokenizer.encode("<49999>a<7>")).toEqual([6 + 49_999, 0, 6 + 7]);
  });

  test("a pattern that backtracking would not come to an end with", () => {
    const split = { type: "Split", pattern: { Regex: "(a+)+$|(a|a)*c" }, behavior: "Isolated", invert: false };
    const tokenizer = Tokenizer.fromJSON({ ...bpe(letters), pre_tokenizer: split });
    expect(tokenizer.encode(`${"a".repeat(40)}b`).length).toBe(41);
  });

  test("a WordPiece whose words may be of any length", () => {
    const vocab = { "[UNK]": 0, a: 1, "##a": 2, "##aa": 3 };
    const model = {
      type: "WordPiece",
      vocab,
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 2 ** 32 - 1,
    };
    expect(Tokenizer.fromJSON({ model }).encode(million).length).toBe(500_001);
  });
});

describe("names and numbers", () => {
  test("tokens that are names of an object's own parts", () => {
    const tokens = ["__proto__", "constructor", "toString", "hasOwnProperty"];
    const vocab = JSON.parse(`{${tokens.map((token, id) => `"${token}": ${id}`).join(", ")}, "[UNK]": 9}`);
    const json = {
      model: { type: "WordLevel", vocab, unk_token: "[UNK]" },
      pre_tokenizer: { type: "WhitespaceSplit" },
      added_tokens: [{ id: 0, content: "__proto__", special: true }],
    };
    const tokenizer = Tokenizer.fromJSON(json);
    expect(tokenizer.encode("constructor toString __proto__ valueOf hasOwnProperty")).toEqual([1, 2, 0, 9, 3]);
    expect(tokenizer.idOf("valueOf")).toBeUndefined();
    expect(tokenizer.decode([0, 1], { skipSpecialTokens: true })).toBe("constructor");
  });

  test("ids with gaps, up to the highest: nothing is as large as an id", () => {
    const tokenizer = Tokenizer.fromJSON(bpe({ a: 2 ** 32 - 1, b: 7 }));
    expect(tokenizer.encode("ab")).toEqual([2 ** 32 - 1, 7]);
    expect(tokenizer.decode([2 ** 32 - 1, 8, 7])).toBe("a b");
    expect(tokenizer.vocabSize).toBe(2 ** 32);
  });

  test("two tokens of one id", () => {
    expect(Tokenizer.fromJSON(bpe({ a: 0, b: 0 })).encode("ab")).toEqual([0, 0]);
  });

  test("half a surrogate pair is U+FFFD", () => {
    const tokenizer = Tokenizer.fromJSON(bpe({ a: 0, "\uFFFD": 1, "😀": 2 }));
    expect(tokenizer.encodeWithOffsets("a\ud83da😀\ude00")).toEqual({
      ids: [0, 1, 0, 2, 1],
      offsets: [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 5],
        [5, 6],
      ],
    });
  });
});

describe("refused, by name", () => {
  test.each([
    [bpe({ a: -1 }), 'model.vocab["a"]: expected an id from 0 to 4294967295, got -1.'],
    [bpe({ a: 0.5 }), 'model.vocab["a"]: expected an id from 0 to 4294967295, got 0.5.'],
    [bpe({ a: 0 }, [["a", "b"]]), 'model.merges[0]: expected tokens of the vocabulary, got "ab".'],
    [bpe({ a: 0 }, ["a  a"]), 'model.merges[0]: expected two tokens, got "a  a".'],
    [bpe({ a: 0 }, [], { dropout: 0.1 }), "model.dropout: expected null or 0, for the same ids at every run, got 0.1."],
    [{ ...bpe({}), version: "2.0" }, 'version: expected "1.0", got "2.0".'],
    [{ ...bpe({}), added_tokens: {} }, "added_tokens: expected an array, got an object."],
    [
      { model: { type: "Unigram", vocab: [["a", 0]], unk_id: 5 } },
      "model.unk_id: expected an id below the number of tokens, 1, got 5.",
    ],
    [
      { ...bpe({}), pre_tokenizer: { type: "FixedLength", length: 0 } },
      "pre_tokenizer.length: expected at least 1, got 0.",
    ],
  ])("%j", (json, message) => {
    expect(refusal(json)).toContain(message);
  });

  test("sequences in sequences without end", () => {
    let normalizer: object = { type: "NFC" };
    for (let depth = 0; depth < 5_000; depth++) normalizer = { type: "Sequence", normalizers: [normalizer] };
    expect(refusal({ ...bpe({}), normalizer })).toMatch(/expected sequences at most 32 deep/);
  });

  test("a class with stages of its own", () => {
    expect(() => Tokenizer.fromJSON(bpe({}), { tokenizer_class: "WhisperTokenizer" })).toThrow(
      /tokenizer_class: expected PreTrainedTokenizerFast, or one of .*, got WhisperTokenizer, which replaces the stages/,
    );
  });

  test("an escape of half a surrogate pair", async () => {
    const json = (token: string) => `{"model": {"type": "BPE", "vocab": {"${token}": 0}, "merges": []}}`;
    await expect(Tokenizer.fromFiles({ "tokenizer.json": json("\\ud83d") })).rejects.toThrow(
      /tokenizer\.json: expected characters of Unicode, got \\ud83d, half a surrogate pair/,
    );
    const whole = await Tokenizer.fromFiles({ "tokenizer.json": json("\\ud83d\\ude00\\\\ud83d") });
    expect(whole.idOf("😀\\ud83d")).toBe(0);
  });

  test("a file above the limit", async () => {
    const files = { "tokenizer.json": "{}", "tokenizer_config.json": new Uint8Array(32 * 2 ** 20 + 1) };
    await expect(Tokenizer.fromFiles(files)).rejects.toThrow(
      "tokenizer_config.json: expected a file, got 33554433 bytes, above the limit of 33554432.",
    );
  });

  test.skipIf(process.platform === "win32")("a pipe in the place of a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tokenizer-"));
    try {
      writeFileSync(join(folder, "tokenizer.json"), "{}");
      execFileSync("mkfifo", [join(folder, "tokenizer_config.json")]);
      await expect(Tokenizer.fromFolder(folder)).rejects.toThrow(
        /tokenizer_config\.json: expected a file, got a folder, a pipe or a device instead of a file/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("a character with 300,000 marks is put into its normal form", () => {
  const model = { type: "BPE", vocab: { "\u00e1": 0, "\u0301": 1 }, merges: [], unk_token: null };
  const tokenizer = Tokenizer.fromJSON({ normalizer: { type: "NFC" }, model });
  const ids = tokenizer.encode(`a${"\u0301".repeat(300_000)}`);
  expect(ids.slice(0, 3)).toEqual([0, 1, 1]);
  expect(ids.length).toBe(300_000);
});
