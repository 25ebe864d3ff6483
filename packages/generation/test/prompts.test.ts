import type { DecoderConfig } from "@mixtape/config";
import { describe, expect, test } from "vitest";
import { contextLimit, GenerationError, padPrompts } from "../src/index.js";
import { ScriptedModel } from "./scripted-model.js";

const configOf = (options: ConstructorParameters<typeof ScriptedModel>[1]): DecoderConfig =>
  new ScriptedModel(() => [], options).config;
const config = configOf({ context: 6 });

test("prompts of one length need neither mask nor positions", () => {
  expect(
    padPrompts(
      [
        [1, 2],
        [3, 4],
      ],
      config,
      9,
    ),
  ).toEqual({
    inputIds: [
      [1, 2],
      [3, 4],
    ],
  });
});

test("shorter prompts are padded on the left; positions count from the first token", () => {
  expect(padPrompts([[1, 2, 3], [4], [5, 6]], config, 9)).toEqual({
    inputIds: [
      [1, 2, 3],
      [9, 9, 4],
      [9, 5, 6],
    ],
    attentionMask: [
      [1, 1, 1],
      [0, 0, 1],
      [0, 1, 1],
    ],
    positionIds: [
      [0, 1, 2],
      [0, 0, 0],
      [0, 0, 1],
    ],
  });
});

describe("an error for", () => {
  test.each([
    ["no prompts", [], "prompts: expected at least one, got none."],
    ["an empty prompt", [[]], "prompt: expected at least one token, got none."],
    ["an empty prompt among others", [[1], []], "prompts[1]: expected at least one token, got none."],
    [
      "a prompt that leaves no room",
      [[1, 2, 3, 4, 5, 6]],
      "prompt: expected fewer tokens than the model's context, 6, got 6. Shorten it. The context is " +
        "max_position_embeddings in config.json, or as far as rope_parameters there stretches it.",
    ],
    [
      "such a prompt among others",
      [[1], [1, 2, 3, 4, 5, 6, 7]],
      "prompts[1]: expected fewer tokens than the model's context, 6, got 7",
    ],
  ])("%s", (_, prompts, message) => {
    expect(() => padPrompts(prompts, config, 0)).toThrow(GenerationError);
    expect(() => padPrompts(prompts, config, 0)).toThrow(message);
  });
});

test("dynamic RoPE has no limit", () => {
  const dynamic = configOf({ context: 6, ropeType: "dynamic" });
  expect(contextLimit(config)).toBe(6);
  expect(contextLimit(dynamic)).toBe(Infinity);
  expect(padPrompts([[1, 2, 3, 4, 5, 6, 7]], dynamic, 0).inputIds).toEqual([[1, 2, 3, 4, 5, 6, 7]]);
});
