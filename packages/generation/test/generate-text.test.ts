import { useEngine } from "@mixtape/engine";
import { Tokenizer } from "@mixtape/tokenizer";
import { beforeAll, describe, expect, test } from "vitest";
import {
  GenerationError,
  generateText,
  generateTexts,
  generateTokens,
  type StoppingContext,
  streamText,
} from "../src/index.js";
import { all, letters, ScriptedModel, surely, writerOf } from "./scripted-model.js";

beforeAll(async () => {
  await useEngine("cpu");
});

const tokenizer = letters();

test("a prompt becomes ids, and new ids become text, without special tokens", async () => {
  expect(await generateText(writerOf("lemon", 2).model, tokenizer, "go")).toEqual({
    promptIds: [6, 14],
    ids: [11, 4, 12, 14, 13, 15],
    text: "lemon",
    finishReason: "eos",
  });
});

test("ids may stand for a prompt", async () => {
  const { model } = writerOf("lemon", 2);
  expect((await generateText(model, tokenizer, [6, 14])).text).toBe("lemon");
  expect(await all(streamText(model, tokenizer, [6, 14]))).toEqual(await all(streamText(model, tokenizer, "go")));
});

test("text streams as it becomes certain", async () => {
  const pieces = await all(streamText(writerOf("lemon", 1).model, tokenizer, "a", { stop: ["moo"] }));
  expect(pieces.map(({ text }) => text)).toEqual(["l", "e", "", "", "mon", ""]);
  expect(pieces.at(-1)).toEqual({ row: 0, id: 15, text: "", finishReason: "eos" });
});

describe("a stop string", () => {
  test("ends the text and is no part of it; its tokens are among the ids", async () => {
    const result = await generateText(writerOf("melonelon", 1).model, tokenizer, "a", { stop: ["nope", "ne"] });
    expect(result).toEqual({
      promptIds: [0],
      ids: [12, 4, 11, 14, 13, 4],
      text: "melo",
      finishReason: "stop",
      stopReason: "ne",
    });
  });

  test("comes from the model's generation config where none is given", async () => {
    const { model } = writerOf("lemon", 1, { generationConfig: { stopStrings: ["mo"] } });
    expect((await generateText(model, tokenizer, "a")).text).toBe("le");
    expect((await generateText(model, tokenizer, "a", { stop: [] })).text).toBe("lemon");
    expect((await generateText(model, tokenizer, "a", { stop: ["on"] })).text).toBe("lem");
  });

  test("that has begun is shown where the text ends", async () => {
    const { model } = writerOf("lemon", 1);
    const result = await generateText(model, tokenizer, "a", { stop: ["moo"], maxNewTokens: 4 });
    expect(result).toMatchObject({ text: "lemo", finishReason: "length" });
    expect((await generateText(model, tokenizer, "a", { stop: ["n!"] })).text).toBe("lemon");
  });

  test("and stopping criteria end a text, each by its name; criteria see the text that is held back", async () => {
    const seen: (string | undefined)[] = [];
    const stop = ({ text }: StoppingContext): boolean => seen.push(text) > 0 && text?.length === 3;
    const three = { name: "three", stop };
    const { model } = writerOf("lemon", 1);
    const own = { stop: ["moo"], stoppingCriteria: [three] };
    expect(await generateText(model, tokenizer, "a", own)).toMatchObject({
      text: "lem",
      finishReason: "stop",
      stopReason: "three",
    });
    expect(seen).toEqual(["l", "le", "lem"]);
    const both = { stop: ["em"], stoppingCriteria: [three] };
    expect(await generateText(model, tokenizer, "a", both)).toMatchObject({ text: "l", stopReason: "em" });
  });

  test("without characters is refused", async () => {
    await expect(generateText(writerOf("a", 1).model, tokenizer, "a", { stop: [""] })).rejects.toThrow(
      'stop[0]: expected a string of at least one character, got "".',
    );
  });
});

test("prompts of a batch are written side by side, each with its own end", async () => {
  const model = new ScriptedModel((ids) => surely(ids.length > 5 ? 15 : ids.at(-1)!, 16), { eosTokenId: 15 });
  expect(await generateTexts(model.model, tokenizer, ["abc", [7]], { stop: ["cccc"] })).toEqual([
    { promptIds: [0, 1, 2], ids: [2, 2, 2], text: "", finishReason: "stop", stopReason: "cccc" },
    { promptIds: [7], ids: [7, 7, 7, 7, 7, 15], text: "hhhhh", finishReason: "eos" },
  ]);
});

describe("an error for", () => {
  test("an empty text", async () => {
    const { model } = writerOf("a", 1);
    await expect(generateText(model, tokenizer, "")).rejects.toThrow("prompt: expected at least one token, got none.");
    await expect(generateTexts(model, tokenizer, [])).rejects.toThrow("prompts: expected at least one, got none.");
    await expect(all(streamText(model, tokenizer, []))).rejects.toThrow(
      "prompt: expected at least one token, got none.",
    );
  });

  test("a token that the model does not have, and for no other token of such a tokenizer", async () => {
    const model = new ScriptedModel(() => surely(0, 15), { vocabSize: 15 });
    const attempt = () => generateText(model.model, tokenizer, "a<eos>");
    await expect(attempt()).rejects.toThrow(GenerationError);
    await expect(attempt()).rejects.toThrow(
      'prompt: expected tokens of the model\'s vocabulary, ids below 15, got 15, "<eos>". The tokenizer belongs to another model, or ' +
        "the model's embedding was not resized for its added tokens.",
    );
    expect(model.lengths).toEqual([]);
    expect((await generateText(model.model, tokenizer, "go", { maxNewTokens: 2 })).text).toBe("aa");
  });
});

test("characters that take several tokens come when they are complete", async () => {
  const bytes = [..."🦉"].flatMap((owl) => [...new TextEncoder().encode(owl)]);
  const names = bytes.map((byte) => `<0x${byte.toString(16).toUpperCase()}>`);
  const vocab = Object.fromEntries([...names, "x", "<unk>"].map((token, id) => [token, id]));
  const owls = Tokenizer.fromJSON({
    model: { type: "BPE", vocab, merges: [], byte_fallback: true, unk_token: "<unk>" },
    decoder: { type: "Sequence", decoders: [{ type: "ByteFallback" }, { type: "Fuse" }] },
  });
  const model = new ScriptedModel((ids) => surely(ids.length % 5 < 4 ? (ids.length % 5) - 0 : 4, 6), { vocabSize: 6 });
  const pieces = await all(streamText(model.model, owls, [4, 4, 4, 4, 4], { maxNewTokens: 5 }));
  expect(pieces.map(({ id, text }) => [id, text])).toEqual([
    [0, ""],
    [1, ""],
    [2, ""],
    // Another byte would make all of them invalid, as in Python's ByteFallback.
    [3, ""],
    [4, "🦉x"],
  ]);
});

describe("what JavaScript lets pass is refused by name", () => {
  const { model } = writerOf("lemon", 2);

  test.each([
    [5, "the number 5"],
    [undefined, "undefined"],
    [{}, "a value of type object"],
  ])("%s as a prompt", async (prompt, got) => {
    const message = `prompt: expected a text, or a list of token ids, got ${got}.`;
    await expect(generateText(model, tokenizer, prompt as never)).rejects.toThrow(message);
    await expect(all(streamText(model, tokenizer, prompt as never))).rejects.toThrow(message);
    await expect(generateTexts(model, tokenizer, prompt as never)).rejects.toThrow(GenerationError);
  });

  test.each<[object, string]>([
    [{ stopWhen: () => true }, "generateText: expected options among "],
    [
      { stoppingCriteria: [() => true] },
      'stoppingCriteria: expected a list of stopping criteria, each { name, stop } or { name, forRow }, got ["a function"].',
    ],
    [{ logitsProcessors: [{ process: 5, name: "x" }] }, "logitsProcessors: expected a list of logits processors, each"],
    [
      { sampler: "greedy" },
      'sampler: expected a sampler, { name, sample } or { name, forRow }, or null, got "greedy".',
    ],
    [{ logprobs: -1 }, "logprobs: expected true, a number of likeliest tokens, or { top, of }"],
    [{ logprobs: { top: 2, of: "raw" } }, 'got {"top":2,"of":"raw"}.'],
    [{ signal: 5 }, "signal: expected an AbortSignal, got 5."],
    [{ defaults: "fast" }, 'defaults: expected an object, got "fast".'],
    [{ stop: 5 }, "stop: expected a string of at least one character, or a list of these, got 5."],
    [{ stop: ["a", null] }, 'stop: expected a string of at least one character, or a list of these, got ["a",null].'],
  ])("%j as options", async (options, message) => {
    await expect(generateText(model, tokenizer, "go", options as never)).rejects.toThrow(message);
  });

  test("a list with text in it, and what is no model", async () => {
    await expect(generateText(model, tokenizer, ["go"] as never)).rejects.toThrow(
      "prompt: expected a text, or a list of token ids, got a list with a value of type string in it.",
    );
    const message = "model: expected a model, as loadModel gives it, got undefined.";
    await expect(generateText(undefined as never, tokenizer, "go")).rejects.toThrow(message);
    await expect(all(generateTokens(undefined as never, [[1]]))).rejects.toThrow(message);
  });

  test("a prompt where the tokenizer belongs", async () => {
    const message = "tokenizer: expected a Tokenizer, between the model and the prompt, got ";
    await expect(generateText(model, "go" as never, {} as never)).rejects.toThrow(`${message}a value of type string`);
    await expect(generateText(model, undefined as never, "go")).rejects.toThrow(`${message}undefined`);
  });
});

test("a stop string may be given alone", async () => {
  const { model } = writerOf("lemon", 2);
  expect(await generateText(model, tokenizer, "go", { stop: "mo" })).toMatchObject({
    text: "le",
    finishReason: "stop",
  });
});
