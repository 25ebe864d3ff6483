import { useEngine } from "@mixtape/engine";
import { withoutLeak } from "@mixtape/testing";
import { memory } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { GenerationError, type GenerationOptions, generateTokens } from "../src/index.js";
import { all, ScriptedModel, type ScriptedOptions, surely } from "./scripted-model.js";

beforeAll(async () => {
  await useEngine("cpu");
});

/** Writes the sum of the last two tokens, modulo 16. */
const sums = (options: ScriptedOptions = {}): ScriptedModel =>
  new ScriptedModel((ids) => surely(((ids.at(-1) ?? 0) + (ids.at(-2) ?? 0)) % 16, 16), options);

/** The new tokens of each row, and why it ended. */
async function run({ model }: ScriptedModel, prompts: number[][], options: GenerationOptions = {}) {
  const rows = prompts.map(() => ({ ids: [] as number[], reasons: [] as string[] }));
  for (const { row, id, finishReason } of await all(generateTokens(model, prompts, options))) {
    rows[row]!.ids.push(id);
    if (finishReason) rows[row]!.reasons.push(finishReason);
  }
  return rows.map(({ ids, reasons }) => ({ ids, reason: reasons.join() }));
}

test("reads the prompt once, then one token a step", async () => {
  const model = sums();
  expect(await run(model, [[1, 1]], { maxNewTokens: 6 })).toEqual([{ ids: [2, 3, 5, 8, 13, 5], reason: "length" }]);
  expect(model.lengths).toEqual([2, 1, 1, 1, 1, 1]);
});

test("rows of a batch come one after the other in each step", async () => {
  const tokens = await all(
    generateTokens(
      sums().model,
      [
        [1, 1],
        [2, 2],
      ],
      { maxNewTokens: 2 },
    ),
  );
  expect(tokens).toEqual([
    { row: 0, id: 2 },
    { row: 1, id: 4 },
    { row: 0, id: 3, finishReason: "length" },
    { row: 1, id: 6, finishReason: "length" },
  ]);
});

test("a padded batch equals its rows alone", async () => {
  const prompts = [[1, 1], [3], [2, 5, 1, 4, 9], [7, 0, 2]];
  const together = await run(sums(), prompts, { maxNewTokens: 12 });
  const alone = await Promise.all(
    prompts.map(async (prompt) => (await run(sums(), [prompt], { maxNewTokens: 12 }))[0]),
  );
  expect(together).toEqual(alone);
});

describe("the end", () => {
  test("of a row at one of several end tokens, the others going on", async () => {
    const rows = await run(sums(), [[1, 1], [4, 4], [1]], { maxNewTokens: 5, eosTokenId: [8, 12] });
    expect(rows).toEqual([
      { ids: [2, 3, 5, 8], reason: "eos" },
      { ids: [8], reason: "eos" },
      { ids: [1, 2, 3, 5, 8], reason: "eos" },
    ]);
  });

  test("at the model's own end token, unless it is ignored", async () => {
    const model = sums({ eosTokenId: 3 });
    expect(await run(model, [[1, 1]], { maxNewTokens: 3 })).toEqual([{ ids: [2, 3], reason: "eos" }]);
    expect(await run(model, [[1, 1]], { maxNewTokens: 3, eosTokenId: null })).toEqual([
      { ids: [2, 3, 5], reason: "length" },
    ]);
  });

  test("of the context", async () => {
    const model = sums({ context: 5 });
    expect(await run(model, [[1, 1], [1]], { maxNewTokens: 9 })).toEqual([
      { ids: [2, 3, 5], reason: "length" },
      { ids: [1, 2, 3, 5], reason: "length" },
    ]);
    expect((await run(sums({ context: 5, ropeType: "dynamic" }), [[1, 1]], { maxNewTokens: 9 }))[0]!.ids).toHaveLength(
      9,
    );
  });

  test("of the generation config's max_length, prompt included", async () => {
    const model = sums({ generationConfig: { maxLength: 5 } });
    expect(await run(model, [[1, 1], [1]], {})).toEqual([
      { ids: [2, 3, 5], reason: "length" },
      { ids: [1, 2, 3, 5], reason: "length" },
    ]);
    await expect(run(model, [[1], [1, 1, 1, 1, 1]], {})).rejects.toThrow(
      "prompts[1]: expected fewer tokens than max_length in generation_config.json, 5, got 5. Set options.maxNewTokens, " +
        "which takes precedence.",
    );
    expect((await run(model, [[1, 1, 1, 1, 1]], { maxNewTokens: 1 }))[0]!.reason).toBe("length");
  });
});

describe("options", () => {
  test("come from the model's generation config", async () => {
    const model = sums({ generationConfig: { maxNewTokens: 2 } });
    expect((await run(model, [[1, 1]]))[0]!.ids).toEqual([2, 3]);
    expect((await run(model, [[1, 1]], { defaults: undefined }))[0]!.ids).toEqual([2, 3]);
    expect((await run(model, [[1, 1]], { defaults: { maxNewTokens: 1 } }))[0]!.ids).toEqual([2]);
  });

  test("the repetition penalty counts the prompt, and other rows do not", async () => {
    const model = new ScriptedModel(() => [0, 5, 4, 3, ...new Array<number>(12).fill(0)]);
    const rows = await run(model, [[1], [4]], { maxNewTokens: 2, repetitionPenalty: 2 });
    expect(rows.map(({ ids }) => ids)).toEqual([
      [2, 3],
      [1, 2],
    ]);
  });

  test("a seed draws the same for a row, whatever other rows there are", async () => {
    const model = () => new ScriptedModel((ids) => Array.from({ length: 16 }, (_, id) => Math.sin(id * ids.at(-1)!)));
    const options = { temperature: 1, seed: 11, maxNewTokens: 12 };
    const [first, second] = await run(model(), [[1], [1]], options);
    expect(await run(model(), [[1], [2, 3], [4]], options)).toMatchObject([first!, {}, {}]);
    expect(await run(model(), [[1]], options)).toEqual([first]);
    expect(second!.ids).not.toEqual(first!.ids);
    expect((await run(model(), [[1]], { ...options, seed: 12 }))[0]!.ids).not.toEqual(first!.ids);
  });
});

describe("memory", () => {
  test("200 tokens take no more tensors than one", async () => {
    const counts: number[] = [];
    const before = memory().numTensors;
    for await (const _ of generateTokens(sums({ context: 300 }).model, [[1, 1], [2]], { maxNewTokens: 200 }))
      counts.push(memory().numTensors);
    expect(counts).toHaveLength(400);
    expect(new Set(counts).size).toBe(1);
    expect(counts[0]).toBeGreaterThan(before);
    expect(memory().numTensors).toBe(before);
  });

  test("is free after breaking out of the loop", async () => {
    await withoutLeak(async () => {
      for await (const { id } of generateTokens(sums().model, [[1, 1]])) if (id === 5) break;
    });
  });

  test("is free after an error in the model", async () => {
    const model = new ScriptedModel((ids) => {
      if (ids.length > 3) throw new Error("the model fails");
      return surely(1, 16);
    });
    await withoutLeak(() => expect(run(model, [[1, 1]])).rejects.toThrow("the model fails"));
  });

  test("is free after an abort, which throws the signal's reason between two tokens", async () => {
    const controller = new AbortController();
    const ids: number[] = [];
    const write = async (): Promise<void> => {
      for await (const { id } of generateTokens(sums().model, [[1, 1]], { signal: controller.signal })) {
        ids.push(id);
        if (id === 5) controller.abort(new Error("enough"));
      }
    };
    await withoutLeak(() => expect(write()).rejects.toThrow("enough"));
    expect(ids).toEqual([2, 3, 5]);
  });

  test("is not taken for a signal that was aborted before", async () => {
    const model = sums();
    const signal = AbortSignal.abort(new Error("never mind"));
    await withoutLeak(() => expect(run(model, [[1, 1]], { signal })).rejects.toThrow("never mind"));
    expect(model.lengths).toEqual([]);
  });
});

describe("an error for", () => {
  test.each([Number.NaN, Infinity])("a logit that is %s, rather than a token", async (odd) => {
    const model = new ScriptedModel(() => [0, 0, odd, ...new Array<number>(13).fill(0)]);
    await withoutLeak(async () => {
      await expect(run(model, [[1]])).rejects.toThrow(
        `logits of row 0: expected numbers, got ${odd} for token 2. The weights may be damaged: loading with ` +
          "checkFinite: true names the tensor.",
      );
      await expect(run(model, [[1]])).rejects.toThrow(GenerationError);
    });
  });

  test("prompts and options that do not fit, before the model runs", async () => {
    const model = sums();
    await expect(run(model, [])).rejects.toThrow("prompts: expected at least one, got none.");
    await expect(run(model, [[]])).rejects.toThrow("prompt: expected at least one token, got none.");
    await expect(run(model, [[1]], { topP: 2 })).rejects.toThrow("topP: expected a number from 0 to 1, got 2.");
    expect(model.lengths).toEqual([]);
  });
});

test.each([
  [[1, 2, 3], "a list with the number 1 in it"],
  [[[1], "go"], "a list with a value of type string in it"],
  ["go", "a value of type string"],
  [undefined, "undefined"],
])("prompts that are no lists of ids: %j", async (prompts, got) => {
  const wrong = all(generateTokens(sums().model, prompts as never));
  await expect(wrong).rejects.toThrow(`prompts: expected a list of prompts, each a list of ids, got ${got}.`);
  await expect(wrong).rejects.toThrow(GenerationError);
});
