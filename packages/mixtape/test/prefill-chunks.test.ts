/** Prompts that are read in several passes: of every kind of layer, against one pass. */

import { onEachEngine, testEngines, withoutLeak } from "@mixtape/testing";
import { expect, test, vi } from "vitest";
import { type ForCausalLM, type GenerationOptions, generateTokens, loadModel, useEngine } from "../src/index.js";
import { golden } from "./files.js";

/** Full attention, sliding windows, latents, recurrences beside attention. */
const MODELS = ["mixtral/basic", "afmoe/window", "deepseek-v3/basic", "qwen3-next/basic"];

const count = (length: number, step: number) => Array.from({ length }, (_, i) => (i * step + 3) % 50);
/** One shorter than a pass, one that ends within a pass, one longer than all windows. */
const PROMPTS = [count(3, 7), count(17, 5), count(29, 11)];

async function write(model: ForCausalLM, options: GenerationOptions) {
  const ids: number[][] = PROMPTS.map(() => []);
  const ofPrompts: number[][] = [];
  const all = { maxNewTokens: 6, eosTokenId: null, temperature: 0, padTokenId: 0, ...options };
  for await (const { row, id, promptLogprobs } of generateTokens(model, PROMPTS, all)) {
    ids[row]!.push(id);
    if (promptLogprobs) ofPrompts[row] = promptLogprobs.map((one) => one?.logprob ?? 0);
  }
  return { ids, ofPrompts };
}

onEachEngine((engine) => {
  test.each(MODELS)("%s: the same tokens and log-probabilities, whatever the size of passes", async (name) => {
    await useEngine(engine, engine === "native" ? { precision: "float32" } : {});
    const model = await loadModel(golden(name));
    await withoutLeak(async () => {
      const whole = await write(model, { promptLogprobs: true });
      const lengths: number[] = [];
      const forward = model.forward.bind(model);
      const spy = vi.spyOn(model, "forward").mockImplementation((inputs) => {
        lengths.push((inputs.inputIds as readonly (readonly number[])[])[0]!.length);
        return forward(inputs);
      });
      for (const prefillChunkSize of [1, 8, 29]) {
        lengths.length = 0;
        const parts = await write(model, { promptLogprobs: true, prefillChunkSize });
        expect(parts.ids).toEqual(whole.ids);
        for (const [row, logprobs] of whole.ofPrompts.entries())
          for (const [i, logprob] of logprobs.entries()) expect(parts.ofPrompts[row]![i]).toBeCloseTo(logprob, 4);
        expect(Math.max(...lengths)).toBe(prefillChunkSize);
        expect((await write(model, { prefillChunkSize })).ids).toEqual(whole.ids);
      }
      spy.mockRestore();
    });
    model.dispose();
  });
});

test.each(["dynamic", "longrope"] as const)(
  "%s RoPE, whose frequencies change within a prompt: the same tokens",
  async (ropeType) => {
    await useEngine("cpu");
    const plain = await loadModel(golden("mixtral/basic"));
    const { config } = plain;
    plain.dispose();
    const { ropeTheta } = config.ropeParameters;
    const factors = (factor: number) => Array.from({ length: config.headDim / 2 }, (_, i) => factor + i / 4);
    const ropeParameters =
      ropeType === "dynamic"
        ? { ropeType, ropeTheta, factor: 4 }
        : {
            ropeType,
            ropeTheta,
            factor: 4,
            attentionFactor: null,
            originalMaxPositionEmbeddings: 16,
            shortFactor: factors(1),
            longFactor: factors(5),
          };
    const model = await loadModel(golden("mixtral/basic"), {
      config: { ropeParameters, maxPositionEmbeddings: ropeType === "dynamic" ? 16 : 64 } as Partial<typeof config>,
    });
    const whole = await write(model, { promptLogprobs: true });
    const parts = await write(model, { promptLogprobs: true, prefillChunkSize: 8 });
    expect(parts.ids).toEqual(whole.ids);
    for (const [row, logprobs] of whole.ofPrompts.entries())
      for (const [i, logprob] of logprobs.entries()) expect(parts.ofPrompts[row]![i]).toBeCloseTo(logprob, 4);
    model.dispose();
  },
);

test("an abort between two passes ends the generation", async () => {
  await useEngine("cpu");
  const model = await loadModel(golden("mixtral/basic"));
  const abort = new AbortController();
  let passes = 0;
  const forward = model.forward.bind(model);
  vi.spyOn(model, "forward").mockImplementation((inputs) => {
    if (++passes === 2) abort.abort(new Error("enough"));
    return forward(inputs);
  });
  await withoutLeak(async () => {
    await expect(write(model, { prefillChunkSize: 4, signal: abort.signal })).rejects.toThrow("enough");
  });
  expect(passes).toBe(2);
  model.dispose();
});

test.runIf(testEngines().includes("native")).each(MODELS)(
  "native, %s: a pass that is aborted while it is computed leaves a kept cache as it was, or empty",
  async (name) => {
    await useEngine("native", { precision: "float32" });
    const model = await loadModel(golden(name));
    const [first, second] = [PROMPTS[1]!, [...PROMPTS[1]!, ...PROMPTS[2]!]];
    const reply = async (prompt: readonly number[], options: GenerationOptions) => {
      const ids: number[] = [];
      const all = { maxNewTokens: 4, eosTokenId: null, temperature: 0, ...options };
      for await (const { id } of generateTokens(model, [prompt], all)) ids.push(id);
      return ids;
    };
    await withoutLeak(async () => {
      const cache = model.createCache();
      await reply(first, { cache });
      const { length } = cache;
      const abort = new AbortController();
      const forward = model.forward.bind(model);
      const spy = vi.spyOn(model, "forward").mockImplementation((inputs) => {
        const output = forward(inputs);
        abort.abort(new Error("enough"));
        return output;
      });
      await expect(reply(second, { cache, signal: abort.signal })).rejects.toThrow("enough");
      spy.mockRestore();
      expect([length, first.length, 0]).toContain(cache.length);
      expect(await reply(second, { cache })).toEqual(await reply(second, {}));
      cache.dispose();
    });
    model.dispose();
  },
);
