/** Caches of recurrent layers. */

import { dispose, memory, type Tensor, tensor2d, tensor3d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { Cache, StateCache } from "../src/index.js";
import { useCpu } from "./support/cpu.js";

beforeAll(useCpu);

const SHAPES = { conv: [2], state: [1, 2] };
const states = (base: number, rows = 1) => ({
  conv: tensor2d(
    Array.from({ length: rows }, (_, row) => [base + 100 * row, base + 100 * row + 1]),
    [rows, 2],
  ),
  state: tensor3d(
    Array.from({ length: rows }, (_, row) => [[-base - 100 * row, -base - 100 * row - 1]]),
    [rows, 1, 2],
  ),
});

/** Sets states as a forward pass does, in a tidy. */
function step(cache: StateCache, base: number, count = 1, rows = 1): void {
  tidy(() => cache.set(states(base, rows), count));
}

function numbers(cache: StateCache, rows = 1): number[][] | undefined {
  const read = cache.read(rows);
  return read && [Array.from(read.conv!.dataSync()), Array.from(read.state!.dataSync())];
}

/** Runs `f`, which leaves no tensor. */
function leaving(f: () => void): void {
  const before = memory().numTensors;
  f();
  expect(memory().numTensors).toBe(before);
}

test("it says what it keeps", () => {
  expect(new StateCache(SHAPES).layout).toBe("states conv [2], state [1, 2]");
});

test("states take the place of those before, and commit keeps them", () => {
  leaving(() => {
    const cache = new StateCache(SHAPES);
    expect([cache.length, numbers(cache)]).toEqual([0, undefined]);
    step(cache, 1, 5);
    expect([cache.length, numbers(cache)]).toEqual([
      5,
      [
        [1, 2],
        [-1, -2],
      ],
    ]);
    cache.commit();
    step(cache, 7);
    cache.commit();
    // Nothing was added since.
    cache.commit();
    cache.rollback();
    expect([cache.length, numbers(cache)]).toEqual([
      6,
      [
        [7, 8],
        [-7, -8],
      ],
    ]);
    cache.dispose();
    expect([cache.length, numbers(cache)]).toEqual([0, undefined]);
    step(cache, 3);
    expect(cache.length).toBe(1);
    cache.dispose();
  });
});

test("rollback takes back what was not committed", () => {
  leaving(() => {
    const cache = new StateCache(SHAPES);
    step(cache, 1);
    cache.rollback();
    expect([cache.length, numbers(cache)]).toEqual([0, undefined]);
    step(cache, 2, 4);
    cache.commit();
    step(cache, 3, 2);
    cache.rollback();
    expect([cache.length, numbers(cache)]).toEqual([
      4,
      [
        [2, 3],
        [-2, -3],
      ],
    ]);
    cache.dispose();
  });
});

test("a forward pass that fails leaves a cache of several layers as it was", () => {
  leaving(() => {
    const layers = [new StateCache(SHAPES), new StateCache(SHAPES)] as const;
    const cache = new Cache(layers);
    for (const layer of layers) step(layer, 1, 3);
    cache.commit();
    step(layers[0], 9, 2);
    cache.rollback();
    expect([cache.length, ...layers.map(({ length }) => length)]).toEqual([3, 3, 3]);
    expect(numbers(layers[0])).toEqual(numbers(layers[1]));
    cache.dispose();
  });
});

test("truncate knows the whole and nothing else", () => {
  leaving(() => {
    const cache = new StateCache(SHAPES);
    step(cache, 1, 4);
    cache.commit();
    expect([0, 1, 3, 4, 5].map((length) => cache.canTruncate(length))).toEqual([true, false, false, true, true]);
    cache.truncate(4);
    expect(() => cache.truncate(3)).toThrow(
      "StateCache.truncate: expected 4 positions, or 0, got 3. A recurrence cannot be truncated: take a snapshot before, and restore it",
    );
    expect(cache.length).toBe(4);
    cache.truncate(0);
    expect([cache.length, numbers(cache)]).toEqual([0, undefined]);
  });
});

test("reorder makes rows what other rows were", () => {
  leaving(() => {
    const cache = new StateCache(SHAPES);
    step(cache, 1, 2, 3);
    cache.commit();
    cache.reorder([2, 0]);
    expect(numbers(cache, 2)).toEqual([
      [201, 202, 1, 2],
      [-201, -202, -1, -2],
    ]);
    expect(cache.length).toBe(2);
    cache.reorder([1, 1, 1]);
    expect(numbers(cache, 3)![0]).toEqual([1, 2, 1, 2, 1, 2]);
    cache.dispose();
  });
});

test("another number of rows is refused", () => {
  const cache = new StateCache(SHAPES);
  step(cache, 1, 1, 2);
  expect(() => cache.read(1)).toThrow("StateCache: expected 2 rows, as in the cache, got 1. Use one cache per batch");
  cache.dispose();
});

describe("a snapshot", () => {
  test("is a state to go back to, as often as wanted", () => {
    leaving(() => {
      const cache = new StateCache(SHAPES);
      step(cache, 1, 3);
      cache.commit();
      const snapshot = cache.snapshot();
      for (const base of [5, 6]) {
        step(cache, base);
        cache.commit();
        step(cache, base + 10);
        cache.commit();
        expect(cache.length).toBe(5);
        snapshot.restore();
        expect([cache.length, numbers(cache)]).toEqual([
          3,
          [
            [1, 2],
            [-1, -2],
          ],
        ]);
      }
      snapshot.release();
      expect(numbers(cache)).toEqual([
        [1, 2],
        [-1, -2],
      ]);
      cache.dispose();
    });
  });

  test("takes back what was not committed, too", () => {
    leaving(() => {
      const cache = new StateCache(SHAPES);
      const empty = cache.snapshot();
      step(cache, 1, 3);
      empty.restore();
      expect([cache.length, numbers(cache)]).toEqual([0, undefined]);
      empty.release();
    });
  });

  test("does not outlive its rows", () => {
    const cache = new StateCache(SHAPES);
    step(cache, 1, 3, 2);
    cache.commit();
    const snapshot = cache.snapshot();
    cache.reorder([1, 0]);
    expect(() => snapshot.restore()).toThrow(
      "Snapshot.restore: expected a cache with unchanged rows, got a cache with reordered rows",
    );
    snapshot.release();
    cache.dispose();
  });
});

test("a copy is its own", () => {
  leaving(() => {
    const cache = new StateCache(SHAPES);
    step(cache, 1, 2);
    cache.commit();
    const copy = cache.copy();
    step(cache, 5);
    cache.commit();
    expect([copy.layout, copy.length, numbers(copy)]).toEqual([
      cache.layout,
      2,
      [
        [1, 2],
        [-1, -2],
      ],
    ]);
    copy.dispose();
    expect(numbers(cache)).toEqual([
      [5, 6],
      [-5, -6],
    ]);
    cache.dispose();
  });
});

describe("what was exported", () => {
  test("is imported", () => {
    leaving(() => {
      const cache = new StateCache(SHAPES);
      step(cache, 1, 2);
      cache.commit();
      const state = cache.exportState();
      const other = new StateCache(SHAPES);
      step(other, 8, 9);
      other.importState(state);
      dispose(Object.values(state.tensors));
      expect([other.length, numbers(other)]).toEqual([
        2,
        [
          [1, 2],
          [-1, -2],
        ],
      ]);
      for (const one of [cache, other]) one.dispose();
    });
  });

  test("of an empty cache makes one empty", () => {
    leaving(() => {
      const cache = new StateCache(SHAPES);
      step(cache, 1, 2);
      cache.importState(new StateCache(SHAPES).exportState());
      expect([cache.length, numbers(cache)]).toEqual([0, undefined]);
    });
  });

  test.each<[string, () => Record<string, Tensor>, string]>([
    ["other names", () => ({ state: states(1).state }), "state [1, 1, 2]"],
    ["other shapes", () => ({ ...states(1), conv: tensor2d([[1, 2, 3]]) }), "conv [1, 3], state [1, 1, 2]"],
    ["other rows", () => ({ ...states(1), conv: states(1, 2).conv }), "conv [2, 2], state [1, 1, 2]"],
    ["nothing", () => ({}), "none"],
  ])("is refused with %s", (_, tensors, got) => {
    const cache = new StateCache(SHAPES);
    step(cache, 1, 2);
    cache.commit();
    tidy(() => {
      expect(() => cache.importState({ length: 3, tensors: tensors() })).toThrow(
        `StateCache.importState: expected states conv [2], state [1, 2] with the same rows, got ${got}`,
      );
    });
    expect([cache.length, numbers(cache)]).toEqual([
      2,
      [
        [1, 2],
        [-1, -2],
      ],
    ]);
    cache.dispose();
  });
});

test("its generation changes with anything but steps that are written in place", () => {
  const cache = new StateCache(SHAPES);
  const changes = (f: () => void): boolean => {
    const before = cache.generation;
    f();
    return cache.generation !== before;
  };
  expect(changes(() => step(cache, 1))).toBe(false);
  // This engine writes nothing in place: a new tensor takes the place of the old.
  expect(changes(() => cache.commit())).toBe(true);
  expect(changes(() => cache.reorder([0]))).toBe(true);
  expect(changes(() => cache.dispose())).toBe(true);
});

test("a row stays as it is, or begins anew: nothing else can be taken back", () => {
  leaving(() => {
    const cache = new StateCache(SHAPES);
    step(cache, 1, 3, 2);
    cache.commit();
    expect([cache.canShiftRight([0, 3]), cache.canShiftRight([0, 1])]).toEqual([true, false]);
    expect(() => cache.shiftRight([0, 1])).toThrow("StateCache.shiftRight: expected 0 or 3 positions for each row");
    cache.shiftRight([0, 3]);
    expect(numbers(cache, 2)).toEqual([
      [1, 2, 0, 0],
      [-1, -2, 0, 0],
    ]);
    expect(cache.length).toBe(3);
    cache.dispose();
  });
});
