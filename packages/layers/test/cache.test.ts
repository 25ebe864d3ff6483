import { type KeyValueStore, registerEngine, storageOf, TensorKeyValueStore, valueAndGradientsOf } from "@mixtape/ops";
import { neg, scalar, sum, type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { Cache, KeyValueCache, type LayerCacheState, LayersError } from "../src/index.js";
import { useCpu, withTensors } from "./support/cpu.js";

beforeAll(useCpu);

/** Positions `[from, to)` for each row, one head of width 1: row 0 counts from 0, row 1 from 100. */
function slots(from: number, to: number, rows = 1): Tensor4D {
  const values = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: to - from }, (_, i) => 100 * row + from + i),
  );
  return tensor4d(values.flat(), [rows, 1, to - from, 1]);
}

/** A cache of layers with these windows. */
const cacheOf = (windows: readonly (number | null)[]) =>
  new Cache(windows.map((window) => new KeyValueCache({ window })));

const layerOf = (cache: Cache, layer: number) => cache.layers[layer] as KeyValueCache;
const keyLength = (cache: Cache, layer: number) => layerOf(cache, layer).keyLength;
const appendTo = (cache: Cache, layer: number, keys: Tensor4D) => layerOf(cache, layer).append(keys, neg(keys));

/** Adds positions to a layer, as a forward pass does. @returns what they attend with, row by row */
function add(cache: Cache, layer: number, from: number, to: number, rows = 1): number[][] {
  return tidy(() => {
    const keys = slots(from, to, rows);
    const all = appendTo(cache, layer, keys);
    const flat = Array.from(all.keys.dataSync());
    expect(Array.from(all.values.dataSync(), (value) => 0 - value)).toEqual(flat);
    const held = all.keys.shape[2];
    return Array.from({ length: rows }, (_, row) => flat.slice(row * held, (row + 1) * held));
  });
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test("a layer without a window keeps everything", () => {
  const cache = cacheOf([null]);
  expect(cache.length).toBe(0);
  expect(add(cache, 0, 0, 3)).toEqual([[0, 1, 2]]);
  expect(add(cache, 0, 3, 4)).toEqual([[0, 1, 2, 3]]);
  expect(add(cache, 0, 4, 9)).toEqual([range(0, 9)]);
  expect([cache.length, keyLength(cache, 0)]).toEqual([9, 9]);
  cache.dispose();
});

test("a layer with a window gives new tokens the window − 1 before them", () => {
  const cache = cacheOf([4]);
  expect(add(cache, 0, 0, 2)).toEqual([[0, 1]]);
  expect(add(cache, 0, 2, 3)).toEqual([[0, 1, 2]]);
  expect(add(cache, 0, 3, 4)).toEqual([[0, 1, 2, 3]]);
  expect(keyLength(cache, 0)).toBe(3);
  expect(add(cache, 0, 4, 5)).toEqual([[1, 2, 3, 4]]);
  // A chunk longer than the window, and one after it.
  expect(add(cache, 0, 5, 12)).toEqual([range(2, 12)]);
  expect(keyLength(cache, 0)).toBe(3);
  expect(add(cache, 0, 12, 14)).toEqual([[9, 10, 11, 12, 13]]);
  expect(cache.length).toBe(14);
  cache.dispose();
});

test("a window of 1 sees nothing of the past", () => {
  const cache = cacheOf([1]);
  expect(add(cache, 0, 0, 3)).toEqual([[0, 1, 2]]);
  expect(keyLength(cache, 0)).toBe(0);
  expect(add(cache, 0, 3, 4)).toEqual([[3]]);
  cache.truncate(3);
  expect(add(cache, 0, 3, 5)).toEqual([[3, 4]]);
  expect(cache.length).toBe(5);
  cache.dispose();
});

test("the length is what all layers have seen", () => {
  const cache = cacheOf([null, 2]);
  add(cache, 0, 0, 5);
  expect(cache.length).toBe(0);
  add(cache, 1, 0, 5);
  expect(cache.length).toBe(5);
  cache.dispose();
});

test("rows stay apart, and another number of rows is refused", () => {
  const cache = cacheOf([null, 3]);
  add(cache, 0, 0, 2, 2);
  expect(add(cache, 0, 2, 3, 2)).toEqual([
    [0, 1, 2],
    [100, 101, 102],
  ]);
  expect(() => tidy(() => appendTo(cache, 0, slots(3, 4)))).toThrow(
    "KeyValueCache: expected 2 rows, as in the cache, got 1. Use one cache per batch",
  );
  cache.dispose();
});

describe("truncate", () => {
  test("forgets the last tokens", () => {
    const cache = cacheOf([null, 4]);
    for (const layer of [0, 1]) add(cache, layer, 0, 3);
    cache.truncate(2);
    expect(cache.length).toBe(2);
    for (const layer of [0, 1]) expect(add(cache, layer, 2, 3)).toEqual([[0, 1, 2]]);
    cache.truncate(0);
    expect([cache.length, keyLength(cache, 0), keyLength(cache, 1)]).toEqual([0, 0, 0]);
    for (const layer of [0, 1]) expect(add(cache, layer, 0, 2)).toEqual([[0, 1]]);
    cache.dispose();
  });

  test("takes back the last addition, whatever slid out with it", () => {
    const cache = cacheOf([3]);
    for (let i = 0; i < 6; i++) add(cache, 0, i, i + 1);
    add(cache, 0, 6, 10);
    // Anywhere within the last addition, and all of it.
    cache.truncate(8);
    expect(add(cache, 0, 8, 9)).toEqual([[6, 7, 8]]);
    cache.truncate(8);
    expect(add(cache, 0, 8, 9)).toEqual([[6, 7, 8]]);
    expect(cache.length).toBe(9);
    cache.dispose();
  });

  test("of one layer that is ahead, as after a forward pass that failed", () => {
    const cache = cacheOf([3, 3]);
    for (let i = 0; i < 5; i++) for (const layer of [0, 1]) add(cache, layer, i, i + 1);
    add(cache, 0, 5, 9);
    cache.truncate(cache.length);
    expect(cache.length).toBe(5);
    for (const layer of [0, 1]) expect(add(cache, layer, 5, 6)).toEqual([[3, 4, 5]]);
    cache.dispose();
  });

  test("keeps everything where there is nothing to forget", () => {
    const cache = cacheOf([null]);
    add(cache, 0, 0, 3);
    cache.truncate(3);
    cache.truncate(7);
    expect(add(cache, 0, 3, 4)).toEqual([[0, 1, 2, 3]]);
    cache.dispose();
  });

  test("refuses what a window has slid past, and then forgets nothing", () => {
    const cache = cacheOf([null, 3]);
    for (let i = 0; i < 6; i++) for (const layer of [0, 1]) add(cache, layer, i, i + 1);
    expect(() => cache.truncate(4)).toThrow(
      "KeyValueCache.truncate: expected at least 5 positions, got 4. The sliding window has evicted positions that the remaining ones need",
    );
    expect(() => cache.truncate(-1)).toThrow("Cache.truncate: expected a number of positions, got -1");
    expect(cache.length).toBe(6);
    expect(add(cache, 0, 6, 7)).toEqual([range(0, 7)]);
    expect(add(cache, 1, 6, 7)).toEqual([[4, 5, 6]]);
    cache.dispose();
  });
});

test("reorder makes rows what other rows were", () => {
  const cache = cacheOf([null, 2]);
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

test("evict lets go of what slid out of windows, and of nothing else", () => {
  const cache = cacheOf([null, 3]);
  const heldAfter = (f: () => void): number[][] => {
    f();
    return [
      [cache.length, keyLength(cache, 0), keyLength(cache, 1)],
      add(cache, 0, cache.length, cache.length + 1)[0]!,
      add(cache, 1, cache.length, cache.length + 1)[0]!,
    ];
  };
  for (const layer of [0, 1]) add(cache, layer, 0, 6);
  expect(heldAfter(() => cache.evict())).toEqual([[6, 6, 2], range(0, 7), [4, 5, 6]]);
  // Twice is as once.
  cache.evict();
  expect(heldAfter(() => cache.evict())).toEqual([[7, 7, 2], range(0, 8), [5, 6, 7]]);
  cache.evict();
  cache.truncate(8);
  expect(cache.length).toBe(8);
  cache.dispose();
});

test("evict takes nothing that truncate may go back to", () => {
  const cache = cacheOf([3]);
  add(cache, 0, 0, 6);
  cache.evict();
  add(cache, 0, 6, 7);
  cache.truncate(6);
  expect(add(cache, 0, 6, 7)).toEqual([[4, 5, 6]]);
  cache.dispose();
});

test("an empty cache has nothing to evict", () => {
  const cache = cacheOf([null, 1]);
  cache.evict();
  expect([cache.length, keyLength(cache, 0)]).toEqual([0, 0]);
  cache.dispose();
});

describe("generation", () => {
  /** Whether it changed in `f`. */
  const changes = (cache: Cache, f: () => unknown): boolean => {
    const before = cache.generation;
    f();
    return cache.generation !== before;
  };

  test("it stays as long as tokens are added, and slide", () => {
    const cache = cacheOf([null, 2]);
    // The first tokens of a layer make its storage.
    for (const layer of [0, 1]) expect(changes(cache, () => add(cache, layer, 0, 3))).toBe(true);
    for (let at = 3; at < 9; at++) {
      expect(changes(cache, () => cache.evict())).toBe(false);
      for (const layer of [0, 1]) expect(changes(cache, () => add(cache, layer, at, at + 1))).toBe(false);
    }
    cache.dispose();
  });

  test.each<[string, (cache: Cache) => void]>([
    ["truncate", (cache) => cache.truncate(4)],
    ["truncate that takes nothing", (cache) => cache.truncate(5)],
    ["reorder", (cache) => cache.reorder([0, 0])],
    ["dispose", (cache) => cache.dispose()],
  ])("%s is another", (_, f) => {
    const cache = cacheOf([null]);
    add(cache, 0, 0, 4);
    add(cache, 0, 4, 5);
    expect(changes(cache, () => f(cache))).toBe(true);
    cache.dispose();
  });

  test("so is storage that was replaced: an engine's own, where a gradient is recorded", () => {
    const own = storageOf();
    registerEngine("cpu", {
      storage: {
        description: "a store of its own",
        place: (view, role) => own.place(view, role),
        bytes: (...args) => own.bytes(...args),
        keyValueStore: engineStore,
      },
    });
    try {
      const cache = cacheOf([null]);
      add(cache, 0, 0, 3);
      expect(changes(cache, () => add(cache, 0, 3, 4))).toBe(false);
      const recorded = () =>
        tidy(() => valueAndGradientsOf(() => sum(appendTo(cache, 0, slots(4, 5)).keys), [scalar(1)]));
      expect(changes(cache, recorded)).toBe(true);
      expect(changes(cache, () => add(cache, 0, 5, 6))).toBe(false);
      cache.dispose();
    } finally {
      registerEngine("cpu", { storage: own });
    }
  });
});

/** A store that is not one of tensors, as far as anyone can tell. */
function engineStore(): KeyValueStore {
  return new Proxy(new TensorKeyValueStore(), {
    getPrototypeOf: () => Object.prototype,
    get(slots, name) {
      const value: unknown = Reflect.get(slots, name, slots);
      return typeof value === "function" ? value.bind(slots) : value;
    },
  });
}

test("it owns two tensors per layer, whatever is done, and none once it is disposed", async () => {
  await withTensors(async () => {
    const cache = cacheOf([null, 3]);
    await withTensors(() => {
      for (let i = 0; i < 6; i++) for (const layer of [0, 1]) add(cache, layer, i, i + 1, 2);
      cache.truncate(5);
      cache.reorder([1, 0]);
    }, 4);
    cache.dispose();
    expect([cache.length, keyLength(cache, 0)]).toEqual([0, 0]);
    // It can be used again.
    expect(add(cache, 0, 0, 2)).toEqual([[0, 1]]);
    cache[Symbol.dispose]();
  });
});

describe("commit and rollback", () => {
  test("rollback takes back what no commit kept, in every layer", () => {
    const cache = cacheOf([null, 3]);
    for (const layer of [0, 1]) add(cache, layer, 0, 5);
    cache.commit();
    add(cache, 0, 5, 9);
    expect([layerOf(cache, 0).length, cache.length]).toEqual([9, 5]);
    cache.rollback();
    expect([layerOf(cache, 0).length, cache.length]).toEqual([5, 5]);
    expect(add(cache, 0, 5, 6)).toEqual([range(0, 6)]);
    expect(add(cache, 1, 5, 6)).toEqual([[3, 4, 5]]);
    cache.rollback();
    expect(cache.length).toBe(5);
    cache.dispose();
  });

  test("truncating below what was committed moves the mark", () => {
    const cache = cacheOf([null]);
    add(cache, 0, 0, 5);
    cache.commit();
    cache.truncate(2);
    add(cache, 0, 2, 4);
    cache.rollback();
    expect(add(cache, 0, 2, 3)).toEqual([[0, 1, 2]]);
    cache.dispose();
  });
});

describe("snapshot", () => {
  test("goes back as often as wanted, past what a window would have evicted", () => {
    const cache = cacheOf([null, 3]);
    for (const layer of [0, 1]) add(cache, layer, 0, 5);
    const snapshot = cache.snapshot();
    for (let round = 0; round < 2; round++) {
      for (let at = 5; at < 12; at++) for (const layer of [0, 1]) add(cache, layer, at, at + 1);
      snapshot.restore();
      expect(cache.length).toBe(5);
      expect(add(cache, 0, 5, 6)).toEqual([range(0, 6)]);
      expect(add(cache, 1, 5, 6)).toEqual([[3, 4, 5]]);
    }
    snapshot.release();
    for (let at = 6; at < 12; at++) add(cache, 1, at, at + 1);
    expect(() => layerOf(cache, 1).truncate(5)).toThrow(
      "KeyValueCache.truncate: expected at least 11 positions, got 5",
    );
    cache.dispose();
  });

  test("is refused once the cache has lost what it needs", () => {
    const cache = cacheOf([null]);
    add(cache, 0, 0, 5, 2);
    const refused = "Snapshot.restore: expected a cache that still has its first 5 positions, with unchanged rows";
    const truncated = cache.snapshot();
    cache.truncate(3);
    expect(() => truncated.restore()).toThrow(refused);
    // Other tokens in the place of those that it would go back to.
    add(cache, 0, 3, 7, 2);
    expect(() => truncated.restore()).toThrow(refused);
    cache.truncate(5);
    const [reordered, released, disposed] = [cache.snapshot(), cache.snapshot(), cache.snapshot()];
    released.release();
    expect(() => released.restore()).toThrow(refused);
    disposed.restore();
    cache.reorder([1, 0]);
    expect(() => reordered.restore()).toThrow(refused);
    cache.dispose();
    expect(() => disposed.restore()).toThrow(refused);
    cache.dispose();
  });
});

test("a copy goes on by itself, and owns its memory", async () => {
  await withTensors(() => {
    const cache = cacheOf([null, 3]);
    for (const layer of [0, 1]) add(cache, layer, 0, 6);
    const copy = cache.copy();
    expect(copy.layouts).toEqual(["keys and values", "keys and values, window 3"]);
    expect(copy.length).toBe(6);
    expect(add(copy, 0, 6, 7)).toEqual([range(0, 7)]);
    cache.dispose();
    expect(add(copy, 1, 6, 7)).toEqual([[4, 5, 6]]);
    copy.dispose();
  });
});

test("exported contents are taken by a cache of the same layout, and by no other", async () => {
  await withTensors(() => {
    const cache = cacheOf([null, 3]);
    for (const layer of [0, 1]) add(cache, layer, 0, 6);
    const state = cache.exportState();
    const { layers: states } = state;
    expect(states.map(({ length, tensors }) => [length, tensors.keys?.shape[2]])).toEqual([
      [6, 6],
      [6, 2],
    ]);
    const other = cacheOf([null, 3]);
    other.importState(state);
    expect(other.length).toBe(6);
    expect(add(other, 1, 6, 7)).toEqual([[4, 5, 6]]);
    // The second layer holds too little for a cache without a window.
    const whole = cacheOf([null, null]);
    expect(() => whole.importState(state)).toThrow(
      "KeyValueCache.importState: expected from 6 to 6 positions, as in keys and values, got 2",
    );
    expect(() => whole.importState({ ...state, layers: states.slice(1) })).toThrow(
      "Cache.importState: expected 2 layers, got 1",
    );
    expect(whole.length).toBe(0);
    const [row] = [{ ids: [1], nextPosition: 1 }];
    const notStates: [unknown, string][] = [
      [undefined, "no list of layers and no list of rows"],
      [{}, "no list of layers and no list of rows"],
      [{ ...state, rows: undefined }, "no list of rows"],
      [{ ...state, layers: [null, {}] }, "a layer without length or tensors"],
      [{ ...state, rows: [row, { ids: [0.5], nextPosition: 1 }] }, "a row without ids or nextPosition"],
      [{ ...state, rows: [{ ids: [1] }] }, "a row without ids or nextPosition"],
    ];
    for (const [notState, got] of notStates) {
      const refused = expect(() => other.importState(notState as never));
      refused.toThrow(LayersError);
      refused.toThrow(`Cache.importState: expected a state from Cache.exportState, with layers and rows, got ${got}.`);
    }
    expect(other.length).toBe(6);
    for (const { tensors } of states) for (const tensor of Object.values(tensors)) tensor.dispose();
    for (const one of [cache, other]) one.dispose();
  });
});

describe("rows of different lengths", () => {
  /** Adds tokens 0, 1, … of each row to all layers, as a model does. */
  function pass(cache: Cache, from: number, to: number, rows: number): number[][][] {
    const seen = cache.layers.map((_, layer) => add(cache, layer, from, to, rows));
    cache.commit();
    const positions = range(from, to);
    const ids = Array.from({ length: rows }, (_, row) => positions.map((at) => 10 * row + at)).flat();
    cache.addTokens({
      rows,
      length: to - from,
      ids,
      positions,
      padding: cache.padding && grown(cache.padding, to - from),
    });
    return seen;
  }
  const grown = ({ rows, values }: { rows: number; values: Uint8Array }, count: number) => {
    const past = values.length / rows;
    const all = Array.from({ length: rows }, (_, row) => [
      ...values.subarray(row * past, (row + 1) * past),
      ...new Array<number>(count).fill(1),
    ]);
    return { rows, values: Uint8Array.from(all.flat()) };
  };

  test("end together once they are cut, with padding before the shorter", async () => {
    await withTensors(() => {
      const cache = cacheOf([null]);
      pass(cache, 0, 5, 2);
      const { generation } = cache;
      cache.truncate([4, 2]);
      expect([cache.length, cache.lengths, cache.nextPositions]).toEqual([4, [4, 2], [4, 2]]);
      expect([cache.tokens(0), cache.tokens(1)]).toEqual([
        [0, 1, 2, 3],
        [10, 11],
      ]);
      expect(cache.padding).toEqual({ rows: 2, values: Uint8Array.from([1, 1, 1, 1, 0, 0, 1, 1]) });
      expect(cache.generation).not.toBe(generation);
      // Zeros are where padding is.
      expect(add(cache, 0, 7, 8, 2)).toEqual([
        [0, 1, 2, 3, 7],
        [0, 0, 100, 101, 107],
      ]);
      cache.dispose();
      expect([cache.rows, cache.lengths, cache.padding]).toEqual([0, [], null]);
    });
  });

  test("within a window that has slid, as far as it still has what the next token sees", () => {
    const cache = cacheOf([null, 3]);
    pass(cache, 0, 4, 2);
    pass(cache, 4, 8, 2);
    // The last addition and two positions before it are held: 2 to 7.
    expect(cache.canTruncate([8, 4])).toBe(true);
    expect(cache.canTruncate([8, 3])).toBe(false);
    expect(cache.canTruncate([4, 4])).toBe(true);
    expect(cache.canTruncate([8, 0])).toBe(true);
    expect(() => cache.truncate([8, 3])).toThrow(
      "Cache.truncate: expected rows that the layers can be cut to, got [8,3] of [8,8] tokens",
    );
    expect(cache.lengths).toEqual([8, 8]);
    cache.truncate([7, 4]);
    expect(add(cache, 1, 7, 8, 2)).toEqual([
      [5, 6, 7],
      [102, 103, 107],
    ]);
    cache.dispose();
  });

  test("of no tokens are all padding, and of none at all an empty cache", () => {
    const cache = cacheOf([null, 2]);
    pass(cache, 0, 6, 2);
    cache.truncate([6, 0]);
    expect([cache.lengths, cache.nextPositions, cache.tokens(1)]).toEqual([[6, 0], [6, 0], []]);
    for (const row of [2, -1, 0.5]) expect(() => cache.tokens(row)).toThrow(LayersError);
    expect(() => cache.tokens(9)).toThrow("Cache.tokens: expected a row from 0 to 1, got 9.");
    cache.truncate([0, 0]);
    expect([cache.length, cache.rows]).toEqual([0, 0]);
    expect(() => cache.tokens(0)).toThrow("Cache.tokens: expected a cache with rows in it, got an empty one.");
    cache.dispose();
  });

  test("are known to copies, snapshots and reordered rows", () => {
    const cache = cacheOf([null]);
    pass(cache, 0, 3, 2);
    cache.truncate([3, 1]);
    const [copy, snapshot] = [cache.copy(), cache.snapshot()];
    pass(cache, 3, 4, 2);
    expect(cache.tokens(1)).toEqual([10, 13]);
    expect(copy.lengths).toEqual([3, 1]);
    snapshot.restore();
    expect([cache.tokens(0), cache.tokens(1)]).toEqual([[0, 1, 2], [10]]);
    cache.reorder([1, 1, 0]);
    expect(cache.lengths).toEqual([1, 1, 3]);
    cache.dispose();
    copy.dispose();
  });

  test("are refused where there are not so many", () => {
    const cache = cacheOf([null]);
    pass(cache, 0, 3, 2);
    for (const lengths of [[3], [4, 0], [-1, 2], [1.5, 2]])
      expect(() => cache.truncate(lengths)).toThrow(
        `Cache.truncate: expected a number of tokens for each row, at most [3,3], got [${lengths}]`,
      );
    cache.dispose();
  });

  test("are reordered only to rows that there are", () => {
    const cache = cacheOf([null]);
    pass(cache, 0, 3, 2);
    for (const rows of [[2], [-1], [0.5], []])
      expect(() => cache.reorder(rows)).toThrow(
        `Cache.reorder: expected a list of rows from 0 to 1, at least one, got [${rows}]`,
      );
    expect(() => cache.truncate("3" as never)).toThrow("Cache.truncate: expected a number of tokens for each row");
    expect(cache.lengths).toEqual([3, 3]);
    cache.dispose();
  });
});

describe("of int8", () => {
  const options = { kvCacheDtype: "int8" } as const;
  const random = (shape: [number, number, number, number]) =>
    tensor4d(
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(1 + i * 1.7)),
      shape,
    );
  const codes = ({ tensors }: LayerCacheState): Record<string, number[]> =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, [...tensor.dataSync()]]));

  test.each([
    ["keys and values", {}],
    ["a window", { window: 6 }],
    ["latents", { sharedWidth: 2 }],
  ])("%s: copied, exported, rolled back and shifted, codes stay as they are", async (_, more) => {
    await withTensors(() => {
      tidy(() => {
        const cache = new KeyValueCache({ ...options, ...more });
        expect([cache.kvCacheDtype, cache.layout]).toEqual(["int8", new KeyValueCache(more).layout]);
        const append = (count: number) => {
          const values = "sharedWidth" in more ? undefined : random([2, 1, count, 2]);
          return cache.append(random([2, 1, count, 3]), values);
        };
        append(9);
        cache.commit();
        const before = codes(cache.exportState());
        expect(Object.keys(before)[1]).toBe("keyScales");
        append(1);
        cache.rollback();
        expect(codes(cache.exportState())).toEqual(before);
        const copy = cache.copy();
        expect([copy.kvCacheDtype, codes(copy.exportState())]).toEqual(["int8", before]);
        const other = new KeyValueCache(more);
        other.importState(cache.exportState());
        expect(other.keyLength).toBe(cache.keyLength);
        other.dispose();
        if ("window" in more) return [cache, copy].forEach((one) => void one.dispose());
        copy.shiftRight([0, 2]);
        const after = codes(copy.exportState());
        // Row 1 holds its first seven positions behind two of padding.
        const rows = (numbers: number[]) => [numbers.slice(0, numbers.length / 2), numbers.slice(numbers.length / 2)];
        for (const [name, all] of Object.entries(after)) {
          const [first, second] = rows(before[name]!);
          const width = all.length / 18;
          expect(rows(all)).toEqual([first, [...new Array<number>(2 * width).fill(0), ...second!.slice(0, 7 * width)]]);
        }
        for (const one of [cache, copy]) one.dispose();
        return undefined;
      });
    });
  });

  test("is refused while a gradient is recorded, before anything is added", () => {
    const cache = new KeyValueCache(options);
    const recorded = () =>
      tidy(() => valueAndGradientsOf(() => sum(cache.append(slots(0, 1), slots(0, 1)).keys), [scalar(1)]));
    expect(recorded).toThrow("kvCacheDtype: expected auto while a gradient is recorded, got int8");
    tidy(() => cache.append(slots(0, 1), slots(0, 1)));
    expect(recorded).toThrow("Rounding has no gradient");
    expect(cache.length).toBe(1);
    cache.dispose();
  });
});
