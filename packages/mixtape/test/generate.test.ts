import { onEachEngine, readGolden, testEngines, withoutLeak } from "@mixtape/testing";
import { memory } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ForCausalLM, generateText, generateTokens, loadModel, loadTokenizer, useEngine } from "../src/index.js";
import { golden, SAMPLE } from "./files.js";

/** What generation makes of the golden checkpoints and of the sample model; its parts are tested where they are. */

async function write(
  model: ForCausalLM,
  prompts: readonly (readonly number[])[],
  maxNewTokens: number,
): Promise<number[][]> {
  const rows: number[][] = prompts.map(() => []);
  for await (const { row, id } of generateTokens(model, prompts, { maxNewTokens })) rows[row]!.push(id);
  return rows;
}

onEachEngine(() => {
  test.each([
    "mixtral/basic",
    "mixtral/left-padded",
    "qwen3-moe/left-padded",
    "afmoe/basic",
    "afmoe/left-padded",
    "afmoe/window",
  ])("%s writes what the reference wrote", async (name) => {
    const { greedy } = await readGolden(golden(name));
    const { promptIds, attentionMask, ids } = greedy!;
    const prompts = promptIds.map((row, r) => row.filter((_, i) => (attentionMask?.[r]?.[i] ?? 1) === 1));
    const model = await loadModel(golden(name));
    await withoutLeak(async () => expect(await write(model, prompts, ids[0]!.length)).toEqual(ids));
    model.dispose();
  });
});

describe("the sample model", () => {
  const engines = testEngines();

  test("writes the same for the same seed, on any engine", async () => {
    const tokenizer = await loadTokenizer(SAMPLE);
    const written: unknown[] = [];
    for (const engine of engines) {
      // The sample's weights are bfloat16.
      await useEngine(engine, { precision: "float32" });
      const model = await loadModel(SAMPLE);
      const sampled = { temperature: 0.9, topP: 0.95, seed: 5, maxNewTokens: 24 };
      written.push([
        await generateText(model, tokenizer, "It was", sampled),
        await generateText(model, tokenizer, "It was", { temperature: 0, maxNewTokens: 24 }),
      ]);
      model.dispose();
    }
    for (const one of written) expect(one).toEqual(written[0]);
    expect((written[0] as { ids: number[] }[])[0]!.ids).toHaveLength(24);
  });
});

describe("memory", () => {
  let model: ForCausalLM;
  beforeAll(async () => {
    await useEngine("wasm");
    model = await loadModel(golden("afmoe/window"));
  });
  afterAll(() => model.dispose());

  test("200 tokens leave as many tensors as one", async () => {
    const counts: number[] = [];
    await withoutLeak(async () => {
      const prompts = [[1, 2, 3], [4]];
      for await (const { row } of generateTokens(model, prompts, { maxNewTokens: 200 }))
        if (row === 0) counts.push(memory().numTensors);
    });
    expect(counts.length).toBeGreaterThan(100);
    expect(new Set(counts).size).toBe(1);
  });

  test("is free after breaking out of the loop, and after an abort", async () => {
    await withoutLeak(async () => {
      for await (const _ of generateTokens(model, [[1, 2, 3]])) break;
    });
    const controller = new AbortController();
    await withoutLeak(async () => {
      const writing = (async () => {
        for await (const _ of generateTokens(model, [[1, 2, 3]], { signal: controller.signal }))
          controller.abort(new Error("enough"));
      })();
      await expect(writing).rejects.toThrow("enough");
    });
  });

  test("is free after an id outside the vocabulary", async () => {
    await withoutLeak(() =>
      expect(write(model, [[1, 97]], 4)).rejects.toThrow(
        "inputIds[0][1]: expected a token id from 0 to 96, got 97. The tokenizer may belong to another model.",
      ),
    );
  });
});
