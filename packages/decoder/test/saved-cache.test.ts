/** Caches in files: that they go on the same is in the conformance suite, between engines in `mixtape`. */

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeSafetensors, openSafetensors, type TensorToWrite } from "@mixtape/safetensors";
import { memory, tidy } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeCache, loadCache, saveCache } from "../src/index.js";
import { tiny, useCpu } from "./support/tiny.js";

let folder: string;
beforeAll(async () => {
  await useCpu();
  folder = await mkdtemp(join(tmpdir(), "mixtape-cache-"));
});
afterAll(() => rm(folder, { recursive: true }));

const IDS = [
  [1, 2, 3],
  [4, 5, 6],
];

/** A saved cache of two rows, and its model. */
async function saved() {
  const model = await tiny();
  const cache = model.createCache();
  tidy(() => {
    model.forward({ inputIds: IDS, cache });
  });
  const bytes = await encodeCache(model, cache);
  cache.dispose();
  return { model, bytes };
}

/** The same file with something else in it. */
async function changed(
  bytes: Uint8Array,
  metadata: Readonly<Record<string, string>>,
  change: (tensor: TensorToWrite) => TensorToWrite | null = (tensor) => tensor,
): Promise<Uint8Array> {
  const file = await openSafetensors(bytes);
  const tensors: TensorToWrite[] = [];
  for (const name of file.names) {
    const { dtype, shape } = file.tensor(name);
    const tensor = change({ name, dtype, shape, bytes: await file.tensor(name).read() });
    if (tensor) tensors.push(tensor);
  }
  const all = { ...file.metadata, ...metadata };
  return encodeSafetensors(tensors, Object.fromEntries(Object.entries(all).filter(([, text]) => text !== "")));
}

test("a file is a safetensors file with the tokens, and nothing is left in memory", async () => {
  const { model } = await saved();
  const before = memory().numTensors;
  const cache = model.createCache();
  tidy(() => {
    model.forward({ inputIds: IDS, cache });
  });
  const path = join(folder, "cache.safetensors");
  await saveCache(model, cache, path);
  cache.dispose();
  const file = await openSafetensors(path);
  expect([...file.names].sort()).toEqual([
    "layers.0.keys",
    "layers.0.values",
    "layers.1.keys",
    "layers.1.values",
    "probe",
    "tokens",
  ]);
  expect(file.metadata).toMatchObject({ format: "mixtape-cache-1", lengths: "[3,3]", next_positions: "[3,3]" });
  await file.close();
  const loaded = await loadCache(model, path);
  expect([loaded.tokens(0), loaded.tokens(1), loaded.length]).toEqual([...IDS, 3]);
  loaded.dispose();
  expect(memory().numTensors).toBe(before);
  expect(await readdir(folder)).toEqual(["cache.safetensors"]);
});

test("an empty cache is not saved", async () => {
  const model = await tiny();
  await expect(encodeCache(model, model.createCache())).rejects.toThrow(
    "saveCache: expected a cache with tokens in it, got an empty one",
  );
});

test("a cache is not saved into a folder that does not exist", async () => {
  const { model, bytes } = await saved();
  const cache = await loadCache(model, bytes);
  const missing = saveCache(model, cache, join(folder, "missing", "cache.safetensors"));
  await expect(missing).rejects.toThrow(/missing: expected an existing folder, got ENOENT/);
  cache.dispose();
});

test("a cache of another model is not saved, nor what is no cache", async () => {
  const { model, bytes } = await saved();
  const cache = await loadCache(model, bytes);
  await expect(encodeCache(await tiny({ numHiddenLayers: 3 }), cache)).rejects.toThrow(
    "saveCache: expected a model, and a cache from its createCache, got a cache for 2 layers",
  );
  for (const [one, other] of [
    [model, {}],
    [model, undefined],
    [cache, model],
  ])
    await expect(encodeCache(one as never, other as never)).rejects.toThrow("saveCache: expected a model, and a cache");
  cache.dispose();
});

test("a cache of other weights is refused", async () => {
  const { model, bytes } = await saved();
  await model.initialize({ seed: 77 });
  const before = memory().numTensors;
  await expect(loadCache(model, bytes)).rejects.toThrow(
    /the saved cache: expected a cache that was saved from this model.*Load the same checkpoint/s,
  );
  expect(memory().numTensors).toBe(before);
});

test("a cache of other layers is refused", async () => {
  const { bytes } = await saved();
  await expect(loadCache(await tiny({ numHiddenLayers: 3 }), bytes)).rejects.toThrow(
    "expected a cache of 3 layers, with keys and values, got a cache of 2 layers, with keys and values",
  );
  await expect(loadCache(await tiny({ slidingWindow: 2 }), bytes)).rejects.toThrow(
    "with keys and values, window 2, got a cache of 2 layers, with keys and values",
  );
});

test.each<[string, Record<string, string>, ((tensor: TensorToWrite) => TensorToWrite | null) | undefined, string]>([
  ["another file", { format: "" }, undefined, "expected a file of saveCache, of format mixtape-cache-1, got another"],
  ["a later format", { format: "mixtape-cache-9" }, undefined, "got format mixtape-cache-9"],
  ["no layouts", { layouts: "" }, undefined, "layouts in its metadata: expected a list, got nothing"],
  ["lengths that are no list", { lengths: "{}" }, undefined, "lengths in its metadata: expected a list, got {}"],
  ["lengths beyond the tokens", { lengths: "[3,900000000]" }, undefined, "lengths: expected 3 positions in all layers"],
  ["other rows", { next_positions: "[3]" }, undefined, "tokens: expected [B, P], and as many next_positions"],
  ["no tokens", {}, (tensor) => (tensor.name === "tokens" ? null : tensor), "expected a tensor tokens, got none"],
  [
    "ids beyond the vocabulary",
    {},
    (tensor) =>
      tensor.name === "tokens" ? { ...tensor, bytes: new Uint8Array(new Int32Array(6).fill(99).buffer) } : tensor,
    "tokens: expected ids below 11, got 99",
  ],
  [
    "a layer without values",
    {},
    (tensor) => (tensor.name === "layers.1.values" ? null : tensor),
    "KeyValueStore.append: expected keys [B, G, L, D] and values [B, G, L, Dv], got [2,1,3,2] and no values",
  ],
  [
    "a layer without anything",
    {},
    (tensor) => (tensor.name.startsWith("layers.1") ? null : tensor),
    "KeyValueCache.importState: expected from 3 to 3 positions, as in keys and values, got 0",
  ],
  [
    "keys of another rank",
    {},
    (tensor) => (tensor.name === "layers.0.keys" ? { ...tensor, shape: [2, 3, 2] } : tensor),
    "got",
  ],
  [
    "keys of other rows",
    {},
    (tensor) => (tensor.name === "layers.0.keys" ? { ...tensor, shape: [1, 2, 3, 2] } : tensor),
    "layers.0.keys: expected 2 rows, got [1,2,3,2]",
  ],
  [
    "a dtype that no cache has",
    {},
    (tensor) => (tensor.name === "probe" ? { ...tensor, dtype: "I32" } : tensor),
    "probe: expected F32",
  ],
])("%s is refused by a typed error, and leaves nothing", async (_, metadata, change, message) => {
  const { model, bytes } = await saved();
  const file = await changed(bytes, metadata, change);
  const before = memory().numTensors;
  const error = await loadCache(model, file).then(
    () => undefined,
    (refusal: unknown) => refusal as Error,
  );
  expect(error?.message).toContain(message);
  expect(error?.name).toMatch(/^(Decoder|Layers|Ops)Error$/);
  expect(memory().numTensors).toBe(before);
});
