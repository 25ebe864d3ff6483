/** Caches that are kept from one generation to the next: of every kind of layer, against runs without one. */

import { encodeCache } from "@mixtape/decoder";
import { onEachEngine, testEngines, withoutLeak } from "@mixtape/testing";
import { expect, test, vi } from "vitest";
import {
  type Cache,
  type ForCausalLM,
  GenerationError,
  generateTokens,
  loadCache,
  loadModel,
  useEngine,
} from "../src/index.js";
import { golden } from "./files.js";

/** One for each kind of layer: full attention, sliding windows, latents, recurrences. */
const MODELS = ["mixtral/basic", "afmoe/window", "deepseek-v3/basic", "qwen3-next/basic"];

const REPLY = 4;

async function write(
  model: ForCausalLM,
  prompts: readonly (readonly number[])[],
  options: { readonly cache?: Cache; readonly maxNewTokens?: number } = {},
): Promise<number[][]> {
  const rows: number[][] = prompts.map(() => []);
  const all = { maxNewTokens: REPLY, eosTokenId: null, temperature: 0, ...options };
  for await (const { row, id } of generateTokens(model, prompts, all)) rows[row]!.push(id);
  return rows;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Counts the positions that a model computes while `run` does. */
async function computed(model: ForCausalLM, run: () => Promise<void>): Promise<number> {
  let count = 0;
  const forward = model.forward.bind(model);
  const spy = vi.spyOn(model, "forward").mockImplementation((inputs) => {
    count += (inputs.inputIds as readonly (readonly number[])[]).reduce((sum, { length }) => sum + length, 0);
    return forward(inputs);
  });
  await run();
  spy.mockRestore();
  return count;
}

/** What the user says in a turn. */
const userTokens = (turn: number): number[] => [3 + turn, 1, 4 + turn];

onEachEngine(() => {
  test.each(MODELS)(
    "%s: five turns compute each token once, and write what runs without a cache write",
    async (name) => {
      const model = await loadModel(golden(name));
      await withoutLeak(async () => {
        const cache = model.createCache();
        let text: number[] = [];
        const total = await computed(model, async () => {
          for (let turn = 0; turn < 5; turn++) {
            text = [...text, ...userTokens(turn)];
            const [reply] = await write(model, [text], { cache });
            text = [...text, ...reply!];
          }
        });
        // The last token of all has not been computed, since nothing follows it.
        expect(total).toBe(text.length - 1);
        expect([...cache.tokens(0)]).toEqual(text.slice(0, -1));
        cache.dispose();

        let without: number[] = [];
        for (let turn = 0; turn < 5; turn++) {
          without = [...without, ...userTokens(turn)];
          const [reply] = await write(model, [without]);
          without = [...without, ...reply!];
        }
        expect(text).toEqual(without);
      });
      model.dispose();
    },
  );

  test.each(MODELS)("%s: a cache that has something else, or other rows, serves as far as it can", async (name) => {
    const model = await loadModel(golden(name));
    await withoutLeak(async () => {
      const cache = model.createCache();
      // Texts that part, that are shorter than the cache, the same again, and of unequal length.
      const prompts: number[][][] = [
        [[1, 2, 3, 4, 5, 6]],
        [[1, 2, 3, 9, 8]],
        [[1, 2]],
        [[1, 2]],
        [
          [1, 2, 3],
          [1, 2, 7, 7, 7, 7],
        ],
        [[1], [5, 6, 7, 7, 7, 7, 2]],
      ];
      for (const batch of prompts) expect(await write(model, batch, { cache })).toEqual(await write(model, batch));
      cache.dispose();
    });
    model.dispose();
  });
});

test("a common prefix is computed once for several prompts", async () => {
  await useEngine("cpu");
  const model = await loadModel(golden("mixtral/basic"));
  const prefix = [5, 3, 8, 1, 2, 9];
  const cache = model.createCache();
  await write(model, [prefix], { cache, maxNewTokens: 1 });
  const prompts = [
    [...prefix, 4, 4],
    [...prefix, 7, 1],
    [...prefix, 6, 2],
  ];
  const shared = cache.copy();
  let written: number[][] = [];
  expect(
    await computed(model, async () => {
      written = await write(model, prompts, { cache: shared, maxNewTokens: 1 });
    }),
  ).toBe(6);
  expect(written).toEqual(await write(model, prompts, { maxNewTokens: 1 }));
  expect(shared.rows).toBe(3);
  expect(cache.rows).toBe(1);
  for (const one of [cache, shared]) one.dispose();
  model.dispose();
});

test.each(MODELS)("%s: a cache that was saved goes on on another engine", async (name) => {
  const [first, ...others] = testEngines();
  const prompt = [1, 2, 3, 4, 5, 6, 7, 8];
  await useEngine(first!, { precision: "float32" });
  const model = await loadModel(golden(name));
  const cache = model.createCache();
  const [reply] = await write(model, [prompt], { cache });
  const bytes = await encodeCache(model, cache);
  const text = [...prompt, ...reply!, 4];
  const expected = await write(model, [text]);
  cache.dispose();
  model.dispose();
  for (const engine of others) {
    await useEngine(engine, { precision: "float32" });
    const other = await loadModel(golden(name));
    const loaded = await loadCache(other, bytes);
    let written: number[][] = [];
    expect(
      await computed(other, async () => {
        written = await write(other, [text], { cache: loaded });
      }),
      engine,
    ).toBe(2 + REPLY - 1);
    expect(written, engine).toEqual(expected);
    loaded.dispose();
    other.dispose();
  }
});

test("a cache that somebody else changes ends the generation", async () => {
  await useEngine("cpu");
  const model = await loadModel(golden("mixtral/basic"));
  const changes: [(cache: Cache) => void, string][] = [
    [(cache) => cache.truncate(2), "got 2 of 2"],
    [(cache) => cache.dispose(), "got 0 of 0"],
    [(cache) => cache.reorder([0]), "got 3 of 1"],
  ];
  for (const [change, got] of changes) {
    const cache = model.createCache();
    const generation = generateTokens(
      model,
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { cache, maxNewTokens: 3 },
    );
    await generation.next();
    change(cache);
    // The second row's token comes from the step that is done.
    await generation.next();
    const error: unknown = await generation.next().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GenerationError);
    expect((error as Error).message).toContain(
      `cache: expected the 3 positions of 2 rows that the generation has left in it, ${got}.`,
    );
    cache.dispose();
  }
  model.dispose();
});

test("a cache serves one generation at a time, and rows that fit", async () => {
  await useEngine("cpu");
  const model = await loadModel(golden("mixtral/basic"));
  const cache = model.createCache();
  const first = generateTokens(model, [[1, 2], [3]], { cache, maxNewTokens: 3 });
  await first.next();
  await expect(write(model, [[1]], { cache })).rejects.toThrow(
    "cache: expected a cache that no other generation is using",
  );
  await first.return();
  await expect(write(model, [[1], [2], [3]], { cache })).rejects.toThrow(
    "cache: expected a cache of 3 rows, as there are prompts, or of one, got 2",
  );
  // A loop that was left keeps what was computed.
  expect(cache.lengths).toEqual([2, 1]);
  await expect(write(model, [[1]], { cache: {} as Cache })).rejects.toThrow("cache: expected a cache");
  await expect(all(generateTokens(model, [[1]], { cache, promptLogprobs: 1 }))).rejects.toThrow(
    "promptLogprobs: expected no cache beside it",
  );
  const other = await loadModel(golden("afmoe/window"));
  const foreign = other.createCache();
  await write(other, [[1, 2, 3]], { cache: foreign });
  const { lengths } = foreign;
  await expect(write(model, [[1]], { cache: foreign })).rejects.toThrow(
    "cache: expected a cache from this model's createCache",
  );
  await expect(write(other, [[1, 99_999]], { cache: foreign })).rejects.toThrow("prompts[0][1]: expected a token id");
  // What is refused changes nothing.
  expect(foreign.lengths).toEqual(lengths);
  await expect(encodeCache(model, foreign)).rejects.toThrow("saveCache: expected a model, and a cache from its");
  for (const one of [cache, foreign]) one.dispose();
  for (const one of [model, other]) one.dispose();
});
