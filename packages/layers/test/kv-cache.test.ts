import { registerStorage, type Slots, storageOf, TensorSlots, valueAndGradientsOf } from "@mixtape/ops";
import { neg, scalar, sum, type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { KVCache } from "../src/index.js";
import { useCpu, withTensors } from "./support/cpu.js";

beforeAll(useCpu);

/** Slots `[from, to)` for each row, one head of width 1: row 0 counts from 0, row 1 from 100. */
function slots(from: number, to: number, rows = 1): Tensor4D {
  const values = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: to - from }, (_, i) => 100 * row + from + i),
  );
  return tensor4d(values.flat(), [rows, 1, to - from, 1]);
}

/** Adds slots to a layer, as a forward pass does. @returns what they attend with, row by row */
function add(cache: KVCache, layer: number, from: number, to: number, rows = 1): number[][] {
  return tidy(() => {
    const keys = slots(from, to, rows);
    const all = cache.append(layer, keys, neg(keys));
    expect(neg(all.values).dataSync()).toEqual(all.keys.dataSync());
    const flat = Array.from(all.keys.dataSync());
    const held = all.keys.shape[2];
    return Array.from({ length: rows }, (_, row) => flat.slice(row * held, (row + 1) * held));
  });
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test("a layer without a window keeps everything", () => {
  const cache = new KVCache([null]);
  expect(cache.length).toBe(0);
  expect(add(cache, 0, 0, 3)).toEqual([[0, 1, 2]]);
  expect(add(cache, 0, 3, 4)).toEqual([[0, 1, 2, 3]]);
  expect(add(cache, 0, 4, 9)).toEqual([range(0, 9)]);
  expect([cache.length, cache.heldBy(0)]).toEqual([9, 9]);
  cache.dispose();
});

test("a layer with a window gives new tokens the window − 1 before them", () => {
  const cache = new KVCache([4]);
  expect(add(cache, 0, 0, 2)).toEqual([[0, 1]]);
  expect(add(cache, 0, 2, 3)).toEqual([[0, 1, 2]]);
  expect(add(cache, 0, 3, 4)).toEqual([[0, 1, 2, 3]]);
  expect(cache.heldBy(0)).toBe(3);
  expect(add(cache, 0, 4, 5)).toEqual([[1, 2, 3, 4]]);
  // A chunk longer than the window, and one after it.
  expect(add(cache, 0, 5, 12)).toEqual([range(2, 12)]);
  expect(cache.heldBy(0)).toBe(3);
  expect(add(cache, 0, 12, 14)).toEqual([[9, 10, 11, 12, 13]]);
  expect(cache.length).toBe(14);
  cache.dispose();
});

test("a window of 1 sees nothing of the past", () => {
  const cache = new KVCache([1]);
  expect(add(cache, 0, 0, 3)).toEqual([[0, 1, 2]]);
  expect(cache.heldBy(0)).toBe(0);
  expect(add(cache, 0, 3, 4)).toEqual([[3]]);
  cache.crop(3);
  expect(add(cache, 0, 3, 5)).toEqual([[3, 4]]);
  expect(cache.length).toBe(5);
  cache.dispose();
});

test("the length is what all layers have seen", () => {
  const cache = new KVCache([null, 2]);
  add(cache, 0, 0, 5);
  expect(cache.length).toBe(0);
  add(cache, 1, 0, 5);
  expect(cache.length).toBe(5);
  cache.dispose();
});

test("rows stay apart, and another number of rows is refused", () => {
  const cache = new KVCache([null, 3]);
  add(cache, 0, 0, 2, 2);
  expect(add(cache, 0, 2, 3, 2)).toEqual([
    [0, 1, 2],
    [100, 101, 102],
  ]);
  expect(() => tidy(() => cache.append(0, slots(3, 4), slots(3, 4)))).toThrow(
    "KVCache: expected 2 rows, as in the cache, got 1. Use one cache per batch",
  );
  cache.dispose();
});

describe("crop", () => {
  test("forgets the last tokens", () => {
    const cache = new KVCache([null, 4]);
    for (const layer of [0, 1]) add(cache, layer, 0, 3);
    cache.crop(2);
    expect(cache.length).toBe(2);
    for (const layer of [0, 1]) expect(add(cache, layer, 2, 3)).toEqual([[0, 1, 2]]);
    cache.crop(0);
    expect([cache.length, cache.heldBy(0), cache.heldBy(1)]).toEqual([0, 0, 0]);
    for (const layer of [0, 1]) expect(add(cache, layer, 0, 2)).toEqual([[0, 1]]);
    cache.dispose();
  });

  test("takes back the last addition, whatever slid out with it", () => {
    const cache = new KVCache([3]);
    for (let i = 0; i < 6; i++) add(cache, 0, i, i + 1);
    add(cache, 0, 6, 10);
    // Anywhere within the last addition, and all of it.
    cache.crop(8);
    expect(add(cache, 0, 8, 9)).toEqual([[6, 7, 8]]);
    cache.crop(8);
    expect(add(cache, 0, 8, 9)).toEqual([[6, 7, 8]]);
    expect(cache.length).toBe(9);
    cache.dispose();
  });

  test("of one layer that is ahead, as after a forward pass that failed", () => {
    const cache = new KVCache([3, 3]);
    for (let i = 0; i < 5; i++) for (const layer of [0, 1]) add(cache, layer, i, i + 1);
    add(cache, 0, 5, 9);
    cache.crop(cache.length);
    expect(cache.length).toBe(5);
    for (const layer of [0, 1]) expect(add(cache, layer, 5, 6)).toEqual([[3, 4, 5]]);
    cache.dispose();
  });

  test("keeps everything where there is nothing to forget", () => {
    const cache = new KVCache([null]);
    add(cache, 0, 0, 3);
    cache.crop(3);
    cache.crop(7);
    expect(add(cache, 0, 3, 4)).toEqual([[0, 1, 2, 3]]);
    cache.dispose();
  });

  test("refuses what a window has slid past, and then forgets nothing", () => {
    const cache = new KVCache([null, 3]);
    for (let i = 0; i < 6; i++) for (const layer of [0, 1]) add(cache, layer, i, i + 1);
    expect(() => cache.crop(4)).toThrow(
      "KVCache.crop: expected at least 5 tokens, got 4. A sliding layer no longer holds what the tokens before would need",
    );
    expect(() => cache.crop(-1)).toThrow("KVCache.crop: expected at least 5 tokens, got -1");
    expect(cache.length).toBe(6);
    expect(add(cache, 0, 6, 7)).toEqual([range(0, 7)]);
    expect(add(cache, 1, 6, 7)).toEqual([[4, 5, 6]]);
    cache.dispose();
  });
});

test("reorder makes rows what other rows were", () => {
  const cache = new KVCache([null, 2]);
  for (const layer of [0, 1]) add(cache, layer, 0, 3, 3);
  cache.reorder([2, 0, 0]);
  expect(add(cache, 0, 3, 4, 3)).toEqual([
    [200, 201, 202, 3],
    [0, 1, 2, 103],
    [0, 1, 2, 203],
  ]);
  expect(add(cache, 1, 3, 4, 3)).toEqual([
    [202, 3],
    [2, 103],
    [2, 203],
  ]);
  expect(cache.length).toBe(4);
  cache.reorder([1]);
  expect(add(cache, 0, 4, 5, 1)).toEqual([[0, 1, 2, 103, 4]]);
  cache.dispose();
});

test("slide lets go of what slid out of windows, and of nothing else", () => {
  const cache = new KVCache([null, 3]);
  const heldAfter = (f: () => void): number[][] => {
    f();
    return [
      [cache.length, cache.heldBy(0), cache.heldBy(1)],
      add(cache, 0, cache.length, cache.length + 1)[0]!,
      add(cache, 1, cache.length, cache.length + 1)[0]!,
    ];
  };
  for (const layer of [0, 1]) add(cache, layer, 0, 6);
  expect(heldAfter(() => cache.slide())).toEqual([[6, 6, 2], range(0, 7), [4, 5, 6]]);
  // Twice is as once.
  cache.slide();
  expect(heldAfter(() => cache.slide())).toEqual([[7, 7, 2], range(0, 8), [5, 6, 7]]);
  cache.slide();
  cache.crop(8);
  expect(cache.length).toBe(8);
  cache.dispose();
});

test("slide takes nothing that crop may go back to", () => {
  const cache = new KVCache([3]);
  add(cache, 0, 0, 6);
  cache.slide();
  add(cache, 0, 6, 7);
  cache.crop(6);
  expect(add(cache, 0, 6, 7)).toEqual([[4, 5, 6]]);
  cache.dispose();
});

test("an empty cache has nothing to slide", () => {
  const cache = new KVCache([null, 1]);
  cache.slide();
  expect([cache.length, cache.heldBy(0)]).toEqual([0, 0]);
  cache.dispose();
});

describe("epoch", () => {
  /** Whether it changed in `f`. */
  const changes = (cache: KVCache, f: () => unknown): boolean => {
    const before = cache.epoch;
    f();
    return cache.epoch !== before;
  };

  test("it stays as long as tokens are added, and slide", () => {
    const cache = new KVCache([null, 2]);
    // The first tokens of a layer make its storage.
    for (const layer of [0, 1]) expect(changes(cache, () => add(cache, layer, 0, 3))).toBe(true);
    for (let at = 3; at < 9; at++) {
      expect(changes(cache, () => cache.slide())).toBe(false);
      for (const layer of [0, 1]) expect(changes(cache, () => add(cache, layer, at, at + 1))).toBe(false);
    }
    cache.dispose();
  });

  test.each<[string, (cache: KVCache) => void]>([
    ["crop", (cache) => cache.crop(4)],
    ["crop that takes nothing", (cache) => cache.crop(5)],
    ["reorder", (cache) => cache.reorder([0, 0])],
    ["dispose", (cache) => cache.dispose()],
  ])("%s is another", (_, f) => {
    const cache = new KVCache([null]);
    add(cache, 0, 0, 4);
    add(cache, 0, 4, 5);
    expect(changes(cache, () => f(cache))).toBe(true);
    cache.dispose();
  });

  test("so is storage that was replaced: an engine's own, where a gradient is recorded", () => {
    const own = storageOf();
    registerStorage("cpu", {
      description: "slots of its own",
      place: (view, role) => own.place(view, role),
      bytes: (...args) => own.bytes(...args),
      slots: engineSlots,
    });
    try {
      const cache = new KVCache([null]);
      add(cache, 0, 0, 3);
      expect(changes(cache, () => add(cache, 0, 3, 4))).toBe(false);
      const recorded = () =>
        tidy(() => valueAndGradientsOf(() => sum(cache.append(0, slots(4, 5), neg(slots(4, 5))).keys), [scalar(1)]));
      expect(changes(cache, recorded)).toBe(true);
      expect(changes(cache, () => add(cache, 0, 5, 6))).toBe(false);
      cache.dispose();
    } finally {
      registerStorage("cpu", own);
    }
  });
});

/** Slots that are not those of tensors, as far as anyone can tell. */
function engineSlots(): Slots {
  return new Proxy(new TensorSlots(), {
    getPrototypeOf: () => Object.prototype,
    get(slots, name) {
      const value: unknown = Reflect.get(slots, name, slots);
      return typeof value === "function" ? value.bind(slots) : value;
    },
  });
}

test("it owns two tensors per layer, whatever is done, and none once it is disposed", async () => {
  await withTensors(async () => {
    const cache = new KVCache([null, 3]);
    await withTensors(() => {
      for (let i = 0; i < 6; i++) for (const layer of [0, 1]) add(cache, layer, i, i + 1, 2);
      cache.crop(5);
      cache.reorder([1, 0]);
    }, 4);
    cache.dispose();
    expect([cache.length, cache.heldBy(0)]).toEqual([0, 0]);
    // It can be used again.
    expect(add(cache, 0, 0, 2)).toEqual([[0, 1]]);
    cache[Symbol.dispose]();
  });
});
