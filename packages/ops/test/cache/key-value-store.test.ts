/** The storage of KV caches: tensors by default, an engine's own where it has some, and never where a gradient would be lost. */

import { grad, memory, mul, sum, type Tensor, type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  createKeyValueStore,
  type KeyValueState,
  type KeyValueStore,
  type KeyValues,
  OpsError,
  registerEngine,
  storageOf,
  storeToAppendTo,
  TensorKeyValueStore,
} from "../../src/index.js";
import { ENGINES, useBackend } from "../support/engines.js";

/** KeyValueStore `[from, to)` of two heads of width 2; row 0 counts from 0, row 1 from 100. Values are keys, negated. */
function keyValues(from: number, to: number, rows = 2): KeyValues {
  const shape: [number, number, number, number] = [rows, 2, to - from, 2];
  const numbers = Array.from({ length: rows * 2 * (to - from) * 2 }, (_, i) => {
    const slot = Math.floor(i / 2) % (to - from);
    const head = Math.floor(i / 2 / (to - from)) % 2;
    return 100 * Math.floor(i / 4 / (to - from)) + from + slot + 0.5 * head + 0.25 * (i % 2);
  });
  return {
    keys: tensor4d(numbers, shape),
    values: tensor4d(
      numbers.map((n) => -n),
      shape,
    ),
  };
}

function add(slots: KeyValueStore, from: number, to: number, rows?: number): void {
  tidy(() => slots.append(keyValues(from, to, rows)));
}

/** Which slots there are, row by row. Checks that all of a slot is there, in keys and in values. */
function read(slots: KeyValueStore): number[][] {
  const { keys, values } = slots.view();
  expect([...values.dataSync()]).toEqual([...keys.dataSync()].map((n) => -n));
  const [b, g, s, d] = keys.shape;
  expect([b, s]).toEqual([slots.rows, slots.length]);
  const all = keys.arraySync();
  for (const [row, heads] of all.entries())
    for (let head = 0; head < g; head++)
      for (let slot = 0; slot < s; slot++)
        for (let i = 0; i < d; i++)
          expect(all[row]![head]![slot]![i]).toBe(heads[0]![slot]![0]! + 0.5 * head + 0.25 * i);
  return all.map(([first]) => first!.map(([number]) => number!));
}

describe.each(ENGINES)("on %s", (engine) => {
  beforeAll(() => useBackend(engine));

  test("slots grow at their end, and are forgotten at both", () => {
    const before = memory().numTensors;
    const slots = createKeyValueStore();
    expect([slots.rows, slots.length]).toEqual([0, 0]);
    add(slots, 0, 3);
    add(slots, 3, 4);
    expect(read(slots)).toEqual([
      [0, 1, 2, 3],
      [100, 101, 102, 103],
    ]);
    slots.evict(0);
    slots.evict(2);
    add(slots, 4, 7);
    expect(read(slots)[1]).toEqual([102, 103, 104, 105, 106]);
    slots.truncate(9);
    slots.truncate(4);
    expect(read(slots)[0]).toEqual([2, 3, 4, 5]);
    expect(memory().numTensors - before).toBe(2);
    slots.evict(4);
    expect([slots.rows, slots.length, memory().numTensors - before]).toEqual([0, 0, 0]);
    // What is empty takes another batch.
    add(slots, 0, 2, 1);
    expect(read(slots)).toEqual([[0, 1]]);
    slots.truncate(0);
    expect([slots.rows, slots.length]).toEqual([0, 0]);
    slots.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test("reorder makes rows what other rows were, more or fewer", () => {
    const slots = createKeyValueStore();
    slots.reorder([1, 0]);
    add(slots, 0, 2);
    slots.reorder([1, 0, 1]);
    expect(read(slots)).toEqual([
      [100, 101],
      [0, 1],
      [100, 101],
    ]);
    slots.reorder([1]);
    expect(read(slots)).toEqual([[0, 1]]);
    slots.dispose();
  });

  test("what is appended stays the caller's", () => {
    const slots = createKeyValueStore();
    const added = keyValues(0, 2);
    slots.append(added);
    added.keys.dispose();
    added.values.dispose();
    expect(read(slots)[0]).toEqual([0, 1]);
    const kept = keyValues(2, 3);
    slots.append(kept);
    slots.dispose();
    expect(kept.keys.dataSync()[0]).toBe(2);
    kept.keys.dispose();
    kept.values.dispose();
  });

  test("what does not fit is refused, and nothing is added", () => {
    const slots = createKeyValueStore();
    const one = (shape: [number, number, number, number]): Tensor4D =>
      tensor4d(new Float32Array(shape.reduce((a, b) => a * b)), shape);
    tidy(() => {
      expect(() => slots.append({ keys: one([1, 1, 2, 2]), values: one([1, 1, 1, 2]) })).toThrow(OpsError);
      add(slots, 0, 2);
      for (const shape of [
        [1, 2, 1, 2],
        [2, 1, 1, 2],
        [2, 2, 1, 3],
      ] as [number, number, number, number][])
        expect(() => slots.append({ keys: one(shape), values: one(shape) })).toThrow(
          `KeyValueStore.append: expected keys [2, 2, L, 2] and values [2, 2, L, 2], got [${shape}] and [${shape}]`,
        );
    });
    expect(slots.length).toBe(2);
    slots.dispose();
  });
});

describe("an engine with storage of its own", () => {
  beforeAll(() => useBackend("cpu"));

  /** KeyValueStore that are no tensors to whoever asks. */
  class OwnStore implements KeyValueStore {
    readonly #inner = new TensorKeyValueStore();
    get rows(): number {
      return this.#inner.rows;
    }
    get length(): number {
      return this.#inner.length;
    }
    append(added: KeyValues): void {
      this.#inner.append(added);
    }
    view(): KeyValues {
      return this.#inner.view();
    }
    evict(count: number): void {
      this.#inner.evict(count);
    }
    truncate(length: number): void {
      this.#inner.truncate(length);
    }
    reorder(rows: readonly number[]): void {
      this.#inner.reorder(rows);
    }
    exportState(): KeyValueState {
      return this.#inner.exportState();
    }
    importState(state: KeyValueState): void {
      this.#inner.importState(state);
    }
    dispose(): void {
      this.#inner.dispose();
    }
  }

  /** Runs `f` on cpu as if that engine made its own slots. */
  function withOwnSlots(f: (asked: unknown[]) => void): void {
    const storage = storageOf("cpu");
    const asked: unknown[] = [];
    registerEngine("cpu", {
      storage: {
        description: "of a test",
        place: (view, role) => storage.place(view, role),
        bytes: (shape, role, dtype) => storage.bytes(shape, role, dtype),
        keyValueStore: (options) => {
          asked.push(options);
          return new OwnStore();
        },
      },
    });
    try {
      f(asked);
    } finally {
      registerEngine("cpu", { storage: storage });
    }
  }

  test("makes the slots, and is told the dtype", () => {
    withOwnSlots((asked) => {
      expect(createKeyValueStore({ dtype: "BF16" })).toBeInstanceOf(OwnStore);
      expect(createKeyValueStore()).toBeInstanceOf(OwnStore);
      expect(asked).toEqual([{ dtype: "BF16" }, {}]);
    });
    expect(createKeyValueStore()).toBeInstanceOf(TensorKeyValueStore);
  });

  test("does not where a gradient is recorded: what was held is constant, what is added has its gradient", () => {
    withOwnSlots(() => {
      const before = memory().numTensors;
      const held = createKeyValueStore();
      add(held, 0, 2, 1);
      expect(storeToAppendTo(held)).toBe(held);
      let slots: KeyValueStore = held;
      const f = (x: Tensor) => {
        expect(createKeyValueStore()).toBeInstanceOf(TensorKeyValueStore);
        slots = storeToAppendTo(held);
        expect(slots).toBeInstanceOf(TensorKeyValueStore);
        expect(storeToAppendTo(slots)).toBe(slots);
        slots.append({ keys: x as Tensor4D, values: mul(x, 2) as Tensor4D });
        const { keys, values } = slots.view();
        return sum(mul(keys, values));
      };
      const x = tensor4d([1, 2, 3, 4], [1, 2, 1, 2]);
      const dx = grad(f)(x);
      // Σ x · 2x: what is held adds to the sum, and nothing to the gradient.
      expect([...dx.dataSync()]).toEqual([4, 8, 12, 16]);
      expect([held.length, slots.length]).toEqual([0, 3]);
      expect([...slots.view().keys.dataSync()]).toEqual([0, 0.25, 1, 1.25, 1, 2, 0.5, 0.75, 1.5, 1.75, 3, 4]);
      slots.dispose();
      dx.dispose();
      x.dispose();
      expect(memory().numTensors).toBe(before);
    });
  });

  test("empty slots become empty tensors under a gradient", () => {
    withOwnSlots(() => {
      const held = createKeyValueStore();
      const x = tensor4d([1, 2], [1, 1, 1, 2]);
      const dx = grad((x: Tensor) => {
        const slots = storeToAppendTo(held);
        expect([slots.length, slots]).toEqual([0, expect.any(TensorKeyValueStore)]);
        return sum(x);
      })(x);
      expect([...dx.dataSync()]).toEqual([1, 1]);
    });
  });
});
