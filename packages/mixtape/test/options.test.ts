import { beforeAll, describe, expect, test } from "vitest";
import {
  type ForCausalLM,
  generateText,
  generateTexts,
  generateTokens,
  inspectModel,
  loadModel,
  loadTokenizer,
  OptionError,
  streamText,
  type Tokenizer,
  useEngine,
} from "../src/index.js";
import { SAMPLE } from "./files.js";

let model: ForCausalLM;
let tokenizer: Tokenizer;
beforeAll(async () => {
  model = await loadModel(SAMPLE, { engine: "cpu" });
  tokenizer = await loadTokenizer(SAMPLE);
});

const drained = async (steps: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of steps);
};

describe("an option that is not known is refused where JavaScript gives it", () => {
  const entries: [name: string, call: (options: object) => unknown, given: string, meant: string][] = [
    ["loadModel", (options) => loadModel(SAMPLE, options), "checkmemory", "checkMemory"],
    ["inspectModel", (options) => inspectModel(SAMPLE, options), "ignored", "ignore"],
    ["useEngine", (options) => useEngine("cpu", options), "thread", "threads"],
    ["generateText", (options) => generateText(model, tokenizer, "a", options), "maxTokens", "maxNewTokens"],
    ["generateTexts", (options) => generateTexts(model, tokenizer, ["a"], options), "stopStrings", "stop"],
    ["streamText", (options) => drained(streamText(model, tokenizer, "a", options)), "max_tokens", "maxNewTokens"],
    ["generateTokens", (options) => drained(generateTokens(model, [[1]], options)), "top_p", "topP"],
    ["encode", async (options) => tokenizer.encode("a", options), "add_special_tokens", "addSpecialTokens"],
    ["decode", async (options) => tokenizer.decode([1], options), "skip_special_tokens", "skipSpecialTokens"],
    ["stream", async (options) => tokenizer.stream(options), "skipSpecialToken", "skipSpecialTokens"],
    [
      "applyChatTemplate",
      async (options) => tokenizer.applyChatTemplate([], options),
      "add_generation_prompt",
      "addGenerationPrompt",
    ],
  ];
  test.each(entries)("%s", async (name, call, given, meant) => {
    const error: unknown = await Promise.resolve(call({ [given]: 1 })).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OptionError);
    expect((error as OptionError).message).toMatch(new RegExp(`^${name}: expected options among .*, got ${given}\\. `));
    expect((error as OptionError).fix).toBe(`Did you mean ${meant}?`);
  });

  test.each<[object, string]>([
    [{ onProgress: 5 }, "loadModel: onProgress: expected a function, got 5."],
    [{ signal: 5 }, "loadModel: signal: expected an AbortSignal, got 5."],
    [{ ignore: "a" }, 'loadModel: ignore: expected a list of strings, got "a".'],
    [{ checkMemory: "no" }, 'loadModel: checkMemory: expected true or false, got "no".'],
  ])("loadModel with %j", async (options, message) => {
    await expect(loadModel(SAMPLE, options as never)).rejects.toThrow(message);
  });

  test("what is no place of a checkpoint, of a batch or of a folder", async () => {
    for (const wrong of [undefined, null, 5, {}]) {
      await expect(loadModel(wrong as never)).rejects.toThrow("expected a folder, a URL or a map of files, got");
      await expect(loadTokenizer(wrong as never)).rejects.toThrow("expected a folder, a GGUF file, a URL or a map of");
      await expect(model.savePretrained(wrong as never)).rejects.toThrow(
        "savePretrained: expected the path of a folder",
      );
    }
    expect(() => model.forward(undefined as never)).toThrow(
      "forward: expected an object with inputIds, got undefined.",
    );
    expect(() => model.forward({ inputIds: "text" as never })).toThrow("inputIds: expected a list of rows");
  });

  test("stop is for text alone", async () => {
    await expect(drained(generateTokens(model, [[1]], { stop: "x" } as object))).rejects.toThrow(OptionError);
    expect((await generateText(model, tokenizer, "a", { stop: "x", maxNewTokens: 1 })).ids).toHaveLength(1);
  });
});
