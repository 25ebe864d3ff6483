import { fc, test as prop } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { Tokenizer } from "../src/index.js";
import { goldenOf, NAMES, textOf, tokenizerOf } from "./fixtures.js";

describe.each(NAMES)("%s: the pieces, joined, are the text", async (name) => {
  const tokenizer = await tokenizerOf(name);

  function stream(ids: readonly number[], skipSpecialTokens: boolean): string[] {
    const decoder = tokenizer.stream({ skipSpecialTokens });
    return [...ids.map((id) => decoder.push(id)), decoder.end()];
  }

  test("of the golden sequences", () => {
    for (const { ids, text, textWithoutSpecial } of goldenOf(name).decodes) {
      expect(stream(ids, false).join("")).toBe(text);
      expect(stream(ids, true).join("")).toBe(textWithoutSpecial);
    }
  });

  const ids = fc.array(fc.integer({ min: 0, max: tokenizer.vocabSize + 3 }), { maxLength: 60 });
  prop.prop([ids, fc.boolean()], { numRuns: 500 })("of any ids, valid UTF-8 or not", (sequence, skip) => {
    expect(stream(sequence, skip).join("")).toBe(tokenizer.decode(sequence, { skipSpecialTokens: skip }));
  });

  const text = fc.string({ unit: "binary", maxLength: 30 }).filter((s) => !s.includes("\uFFFD"));
  prop.prop([text], { numRuns: 300 })("of a text, and no piece holds a part of a character", (whole) => {
    for (const piece of stream(tokenizer.encode(whole), true)) {
      expect(piece).not.toContain("\uFFFD");
      expect(piece).toBe(new TextDecoder().decode(new TextEncoder().encode(piece)));
    }
  });
});

test("a character of several byte tokens comes with the token behind it", async () => {
  const mixtral = await tokenizerOf("mixtral");
  const ids = mixtral.encode("a😀b", { addSpecialTokens: false });
  const decoder = mixtral.stream();
  expect(ids.map((id) => decoder.push(id)).join("|")).toBe("a|||||😀b");
});

test("an incomplete character comes on end, and the decoder starts anew", async () => {
  const mixtral = await tokenizerOf("mixtral");
  const decoder = mixtral.stream();
  expect(decoder.push(mixtral.idOf("<0xF0>") as number)).toBe("");
  expect(decoder.push(mixtral.idOf("<0x9F>") as number)).toBe("");
  expect(decoder.end()).toBe("\uFFFD\uFFFD");
  expect(decoder.end()).toBe("");
  const [id] = mixtral.encode("a", { addSpecialTokens: false });
  expect(decoder.push(id as number)).toBe("a");
});

test("the space before a word survives a skipped special token", async () => {
  const mixtral = await tokenizerOf("mixtral");
  const [word] = mixtral.encode("a", { addSpecialTokens: false });
  const decoder = mixtral.stream({ skipSpecialTokens: true });
  const ids = [1, word, 2, word, 2, 1, word] as number[];
  expect(ids.map((id) => decoder.push(id)).join("|")).toBe("|a|| a||| a");
});

test("a decoder that looks at the whole text gives it on end", () => {
  const json = JSON.parse(textOf("qwen", "tokenizer.json"));
  const ids = [40, 41, 42];
  for (const decoder of [
    { type: "Sequence", decoders: [{ type: "ByteLevel" }, { type: "Strip", content: "J", start: 0, stop: 1 }] },
    { type: "Sequence", decoders: [{ type: "Fuse" }, { type: "Replace", pattern: { String: "IJ" }, content: "-" }] },
  ]) {
    const tokenizer = Tokenizer.fromJSON({ ...json, decoder });
    const stream = tokenizer.stream();
    expect(ids.map((id) => stream.push(id))).toEqual(["", "", ""]);
    const text = tokenizer.decode(ids);
    expect(text).not.toBe("");
    expect(stream.end()).toBe(text);
  }
});
