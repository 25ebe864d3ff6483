/** Caches of int8: models against torch, and every use of a cache against itself. */

import { encodeCache, type ForCausalLM } from "@mixtape/decoder";
import { resolveOptions } from "@mixtape/generation";
import { openSafetensors, toFloat32 } from "@mixtape/safetensors";
import { fixture, onEachEngine, withoutLeak } from "@mixtape/testing";
import { tidy } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import {
  type Cache,
  GenerationError,
  type GenerationOptions,
  generateTokens,
  type LoadWarning,
  loadCache,
  loadModel,
  OptionError,
  useEngine,
} from "../src/index.js";
import { filesOf, golden } from "./files.js";

const INT8 = { kvCacheDtype: "int8" } as const;
/** Full attention, sliding windows, latents, recurrences beside attention. */
const MODELS = ["mixtral/basic", "afmoe/window", "deepseek-v3/basic", "qwen3-next/basic"];

async function write(
  model: ForCausalLM,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions,
): Promise<number[][]> {
  const rows: number[][] = prompts.map(() => []);
  const all = { maxNewTokens: 12, eosTokenId: null, temperature: 0, ...options };
  for await (const { row, id } of generateTokens(model, prompts, all)) rows[row]!.push(id);
  return rows;
}

/** Logits of the tokens `[from, to)`, in one pass. */
function step(
  model: ForCausalLM,
  cache: Cache,
  ids: readonly (readonly number[])[],
  from: number,
  to: number,
): number[] {
  return tidy(() => [
    ...model
      .forward({ inputIds: ids.map((row) => row.slice(from, to)), cache, outputRouterLogits: false })
      .logits.dataSync(),
  ]);
}

const GOLDENS = ["mixtral/window", "qwen3-moe/basic", "gpt-oss/basic"];
const PROMPT = 14;

async function readGolden(name: string) {
  await using file = await openSafetensors(fixture("kv-cache.safetensors"));
  const read = async (part: string) => {
    const view = file.tensor(`model/${name}/${part}`);
    return { shape: view.shape, values: toFloat32(await view.read(), view.dtype) };
  };
  const { shape, values } = await read("input_ids");
  const [rows, length] = shape as [number, number];
  const ids = Array.from({ length: rows }, (_, row) => [...values.subarray(row * length, (row + 1) * length)]);
  return { ids, logits: await read("logits"), difference: (await read("difference")).values[0]! };
}

onEachEngine(() => {
  test.each(GOLDENS)("%s: logits are those of torch with rounded keys and values", async (name) => {
    const { ids, logits, difference } = await readGolden(name);
    const model = await loadModel(golden(name));
    await withoutLeak(async () => {
      const cache = model.createCache(INT8);
      const [rows, length, vocabSize] = logits.shape as [number, number, number];
      let worst = 0;
      for (let from = 0, to = PROMPT; from < length; from = to++) {
        const own = step(model, cache, ids, from, to);
        for (let row = 0; row < rows; row++)
          for (let i = 0; i < (to - from) * vocabSize; i++) {
            const expected = logits.values[(row * length + from) * vocabSize + i]!;
            worst = Math.max(
              worst,
              Math.abs(own[row * (to - from) * vocabSize + i]! - expected) / Math.max(1, Math.abs(expected)),
            );
          }
      }
      expect(worst).toBeLessThan(1e-5);
      // Without rounding, logits are others.
      expect(difference).toBeGreaterThan(1e-3);
      cache.dispose();
    });
    model.dispose();
  });

  test.each(MODELS)(
    "%s: text is the same step by step, in batches with padding, and from kept caches",
    async (name) => {
      const model = await loadModel(golden(name));
      await withoutLeak(async () => {
        const prompts = [
          [5, 3, 8, 1, 2, 9, 30, 11],
          [7, 2, 2],
          [4, 9, 1, 1, 6],
        ];
        const batch = await write(model, prompts, INT8);
        for (const [row, prompt] of prompts.entries()) expect(await write(model, [prompt], INT8)).toEqual([batch[row]]);
        // Graphs are captured by generation, and not by plain passes.
        const cache = model.createCache(INT8);
        const greedy: number[] = [];
        for (let ids = prompts[0]!, from = 0; greedy.length < 12; from = ids.length, ids = [...ids, greedy.at(-1)!]) {
          const logits = step(model, cache, [ids], from, ids.length).slice(-model.config.vocabSize);
          greedy.push(logits.indexOf(Math.max(...logits)));
        }
        expect(greedy).toEqual(batch[0]);
        cache.dispose();
        const kept = model.createCache(INT8);
        await write(model, [prompts[0]!.slice(0, 5)], { cache: kept, maxNewTokens: 1 });
        const copy = kept.copy();
        for (const one of [kept, copy]) {
          expect(await write(model, [prompts[0]!], { cache: one })).toEqual([batch[0]]);
          one.dispose();
        }
      });
      model.dispose();
    },
  );

  test.each(MODELS)("%s: snapshots, truncation and reordering leave what a new cache has", async (name) => {
    const model = await loadModel(golden(name));
    await withoutLeak(() => {
      const ids = [
        [5, 3, 8, 1, 2, 9, 30, 11, 4],
        [7, 2, 2, 6, 6, 1, 3, 3, 9],
      ];
      const plain = model.createCache(INT8);
      step(model, plain, ids, 0, 4);
      const expected = step(model, plain, ids, 4, 6);
      const speculative = model.createCache(INT8);
      step(model, speculative, ids, 0, 4);
      const snapshot = speculative.snapshot();
      step(
        model,
        speculative,
        [
          [1, 1, 1],
          [9, 9, 9],
        ],
        0,
        3,
      );
      snapshot.restore();
      snapshot.release();
      expect(step(model, speculative, ids, 4, 6)).toEqual(expected);
      speculative.reorder([1, 0]);
      plain.reorder([1, 0]);
      const [one, other] = [plain, speculative].map((cache) => step(model, cache, [ids[1]!, ids[0]!], 6, 8));
      expect(other).toEqual(one);
      expect(() => model.forward({ inputIds: [[9999], [1]], cache: plain })).toThrow();
      expect(step(model, plain, [ids[1]!, ids[0]!], 8, 9)).toEqual(step(model, speculative, [ids[1]!, ids[0]!], 8, 9));
      for (const cache of [plain, speculative]) cache.dispose();
    });
    model.dispose();
  });
});

test.each(MODELS)("%s: a saved cache keeps its codes, and goes on elsewhere with the same tokens", async (name) => {
  const prompt = [5, 3, 8, 1, 2, 9, 30, 11];
  await useEngine("cpu");
  const first = await loadModel(golden(name));
  const cache = first.createCache(INT8);
  const text = (await write(first, [prompt], { cache }))[0]!;
  const rest = await write(first, [[...prompt, ...text]], INT8);
  const bytes = await encodeCache(first, cache);
  await using file = await openSafetensors(bytes);
  const codes = file.names.filter((tensor) => tensor.endsWith(".keys"));
  expect(codes.length).toBeGreaterThan(0);
  for (const tensor of codes)
    expect([file.tensor(tensor).dtype, file.tensor(`${tensor.slice(0, -1)}Scales`).dtype]).toEqual(["I8", "F32"]);
  const full = first.createCache();
  await write(first, [prompt], { cache: full });
  expect(bytes.length).toBeLessThan((await encodeCache(first, full)).length);
  const again = await loadCache(first, bytes);
  expect(Buffer.compare(await encodeCache(first, again), bytes)).toBe(0);
  for (const one of [cache, full, again]) one.dispose();
  await useEngine("wasm");
  const second = await loadModel(golden(name));
  for (const options of [{}, INT8]) {
    const loaded = await loadCache(second, bytes, options);
    expect(await write(second, [[...prompt, ...text]], { cache: loaded })).toEqual(rest);
    loaded.dispose();
  }
  // As numbers from here on: the tokens that the cache holds stay rounded.
  const numbers = await loadCache(second, bytes, { kvCacheDtype: "auto" });
  expect(numbers.exportState().layers.some(({ tensors }) => "keyScales" in tensors)).toBe(false);
  numbers.dispose();
});

test("a quantised cache in generation_config.json is int8, with a warning", async () => {
  await useEngine("cpu");
  const name = "mixtral/basic";
  const settings = { cache_implementation: "quantized", cache_config: { nbits: 4 } };
  const json = new TextEncoder().encode(JSON.stringify(settings));
  const warnings: LoadWarning[] = [];
  const files = new Map<string, Blob | Uint8Array>([...filesOf(golden(name)), ["generation_config.json", json]]);
  const model = await loadModel(files, { onWarning: (warning) => warnings.push(warning) });
  expect(warnings).toMatchObject([{ kind: "quantized-cache", names: ["cache_implementation"] }]);
  expect(warnings[0]!.message).toMatch(/^generation_config\.json: cache_implementation is quantized: .*int8.*nbits/);
  const dtypeOf = (options: GenerationOptions) => resolveOptions(options, model).kvCacheDtype;
  expect([dtypeOf({}), dtypeOf({ kvCacheDtype: "auto" }), dtypeOf({ defaults: {} })]).toEqual(["int8", "auto", "auto"]);
  const ignored = await loadModel(files, {
    ignore: ["cache_implementation"],
    onWarning: ({ message }) => expect.unreachable(message),
  });
  expect(resolveOptions({}, ignored).kvCacheDtype).toBe("auto");
  for (const one of [model, ignored]) one.dispose();
});

test("options that are none are refused, and a dtype beside a cache", async () => {
  await useEngine("cpu");
  const model = await loadModel(golden("mixtral/basic"));
  for (const kvCacheDtype of ["int4", "INT8", 8, null])
    expect(() => model.createCache({ kvCacheDtype } as never)).toThrow(
      /createCache: kvCacheDtype: expected auto or int8, got/,
    );
  // @ts-expect-error -- not a dtype of caches
  expect(() => model.createCache({ kvCacheDtype: "fp8" })).toThrow(OptionError);
  // @ts-expect-error -- not an option of caches
  expect(() => model.createCache({ dtype: "int8" })).toThrow(OptionError);
  await expect(write(model, [[1]], { kvCacheDtype: "int4" as never })).rejects.toThrow(
    'kvCacheDtype: expected auto or int8, got "int4"',
  );
  const cache = model.createCache(INT8);
  const both = write(model, [[1]], { ...INT8, cache });
  await expect(both).rejects.toThrow(GenerationError);
  await expect(both).rejects.toThrow('Create the cache with it: model.createCache({ kvCacheDtype: "int8" })');
  cache.dispose();
});
