/** NativeKeyValueStore against TensorKeyValueStore, whatever is done to both. */

import {
  AttentionMask,
  attention,
  createKeyValueStore,
  Int8KeyValueStore,
  type KeyValueStore,
  type KeyValues,
  OpsError,
  TensorKeyValueStore,
} from "@mixtape/ops";
import { add, memory, scalar, setBackend, type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NativeError, registerNative } from "../src/index.js";
import { NativeKeyValueStore } from "../src/key-value-store.js";
import { nativeOrNothing } from "./support/native.js";

const native = nativeOrNothing();
/** Positions of a block. */
const BLOCK = 256;

/** Numbers that differ by position and row, and that bfloat16 does not hold. */
function keyValues(rows: number, heads: number, count: number, width: number, from: number): KeyValues {
  const shape: [number, number, number, number] = [rows, heads, count, width];
  const numbers = Float32Array.from({ length: rows * heads * count * width }, (_, i) => Math.sin(from + i * 0.7));
  const values = numbers.map((x) => -x / 3);
  return { keys: tensor4d(numbers, shape), values: tensor4d(values, shape) };
}

const read = (store: KeyValueStore): Float32Array[] => {
  const { keys, values } = store.view();
  expect(keys.shape).toEqual(values.shape);
  expect([keys.shape[0], keys.shape[2]]).toEqual([store.rows, store.length]);
  return [keys.dataSync() as Float32Array, values.dataSync() as Float32Array];
};

/** To the nearest bfloat16, ties to even. */
function rounded(numbers: Float32Array): Float32Array {
  const bits = new Uint32Array(Float32Array.from(numbers).buffer);
  return new Float32Array(bits.map((b) => (b + 0x7fff + ((b >>> 16) & 1)) & 0xffff0000).buffer);
}

const bytesOf = (arrays: readonly Float32Array[]): Buffer =>
  Buffer.concat(arrays.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)));

type Change =
  | { readonly append: number }
  | { readonly evict: number }
  | { readonly truncate: number }
  | { readonly reorder: readonly number[] };

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    arbitrary: fc.record({ append: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 600 })) }),
    weight: 4,
  },
  { arbitrary: fc.record({ evict: fc.oneof(fc.nat(3), fc.nat(500)) }), weight: 2 },
  // How many are left out.
  { arbitrary: fc.record({ truncate: fc.oneof(fc.nat(3), fc.nat(500)) }), weight: 1 },
  { arbitrary: fc.record({ reorder: fc.array(fc.nat(9), { minLength: 1, maxLength: 4 }) }), weight: 1 },
);

describe.runIf(native)("native key-value store", () => {
  beforeAll(async () => {
    registerNative();
    await setBackend("native");
  });
  afterAll(() => void registerNative());

  test.each([
    ["F32", { dtype: "F32" }, () => new TensorKeyValueStore(), (x: Float32Array) => x],
    ["BF16", { dtype: "BF16" }, () => new TensorKeyValueStore(), rounded],
    ["int8", { kvCacheDtype: "int8" }, () => new Int8KeyValueStore(), (x: Float32Array) => x],
  ] as const)("of %s holds what a store in JavaScript holds", (_, options, other, expected) => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 5 }),
        (changes, heads, width) => {
          const before = memory().numTensors;
          const [own, tensors] = [createKeyValueStore(options), other()];
          expect(own).toBeInstanceOf(NativeKeyValueStore);
          tidy(() => {
            let from = 0;
            for (const one of changes) {
              const rows = own.rows || 2;
              for (const store of [own, tensors]) {
                if ("append" in one) store.append(keyValues(rows, heads, one.append, width, from));
                else if ("evict" in one) store.evict(Math.min(store.length, one.evict));
                else if ("truncate" in one) store.truncate(Math.max(0, store.length - one.truncate));
                else store.reorder(one.reorder.map((row) => row % rows));
              }
              from += 100;
              expect(own.length).toBe(tensors.length);
              if (own.length === 0) continue;
              expect(own.rows).toBe(tensors.rows);
              const [got, wanted] = [bytesOf(read(own)), bytesOf(read(tensors).map(expected))];
              expect(got.equals(wanted)).toBe(true);
            }
          });
          own.dispose();
          tensors.dispose();
          expect([own.rows, own.length]).toEqual([0, 0]);
          expect(memory().numTensors).toBe(before);
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each([
    ["keys and values", undefined],
    ["latents", 6],
  ])("of int8: codes of %s go to a store in JavaScript and back, and to one of numbers", (_, sharedWidth) => {
    const options = { kvCacheDtype: "int8", ...(sharedWidth !== undefined && { sharedWidth }) } as const;
    const before = memory().numTensors;
    const [own, other, back] = [
      createKeyValueStore(options),
      new Int8KeyValueStore(options),
      createKeyValueStore(options),
    ];
    const numbers = createKeyValueStore({ ...options, kvCacheDtype: "auto" });
    tidy(() => {
      for (const store of [own, back]) expect(store.exportState()).toEqual({});
      const { keys, values } = keyValues(2, 3, 700, 9, 1);
      own.append({ keys, ...(sharedWidth === undefined && { values }) });
      own.evict(300);
      other.importState(own.exportState());
      back.importState(other.exportState());
      numbers.importState(own.exportState());
      const bytes = (store: KeyValueStore) =>
        bytesOf(Object.values(store.view()).map((x) => x.dataSync() as Float32Array));
      expect([back.rows, back.length, numbers.length]).toEqual([2, 400, 400]);
      for (const store of [other, back, numbers]) expect(bytes(store).equals(bytes(own))).toBe(true);
      const state = own.exportState();
      expect(() => back.importState({ ...state, keys: add(state.keys!, scalar(200, "int32")) })).toThrow(NativeError);
      expect(() => back.importState({ keyScales: state.keyScales! })).toThrow(OpsError);
      expect(back.length).toBe(0);
    });
    for (const store of [own, other, back, numbers]) store.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test("are float32 where products are", () => {
    registerNative({ precision: "float32" });
    const store = createKeyValueStore({ dtype: "BF16" });
    tidy(() => store.append(keyValues(1, 1, 2, 3, 0)));
    expect(tidy(() => read(store))).toEqual(
      tidy(() => Object.values(keyValues(1, 1, 2, 3, 0)).map((x) => x.dataSync())),
    );
    store.dispose();
    registerNative();
  });

  test("that slide take no more than their window and a block, in the bytes of their dtype", () => {
    for (const [options, bytes] of [
      [{ dtype: "F32" }, 3 * 4],
      [{ dtype: "BF16" }, 3 * 2],
      [{ dtype: "BF16", kvCacheDtype: "int8" }, 3 + 4],
    ] as const) {
      const store = createKeyValueStore(options) as NativeKeyValueStore;
      const block = 2 * BLOCK * bytes;
      const window = 1000;
      tidy(() => {
        for (let i = 0; i < 5 * window; i += 7) {
          store.evict(Math.max(0, store.length + 7 - window));
          store.append(keyValues(1, 1, 7, 3, i));
          expect(store.bytes).toBeLessThanOrEqual(block * (Math.ceil(window / BLOCK) + 2));
        }
      });
      expect(store.length).toBe(window);
      store.truncate(BLOCK);
      expect(store.bytes).toBeLessThanOrEqual(3 * block);
      store.dispose();
      expect(store.bytes).toBe(0);
    }
  });

  test("show the same tensors until they change, and then an error to who kept a clone", () => {
    const store = createKeyValueStore();
    tidy(() => store.append(keyValues(1, 1, 2, 3, 0)));
    const { keys } = store.view();
    expect(store.view().keys).toBe(keys);
    const clone = keys.clone();
    expect(clone.dataSync()).toEqual(keys.dataSync());
    // What is made of a view lives on.
    const sum = add(keys, 1);
    tidy(() => store.append(keyValues(1, 1, 1, 3, 5)));
    expect(keys.isDisposed).toBe(true);
    expect(() => clone.dataSync()).toThrow(NativeError);
    expect(() => clone.dataSync()).toThrow(/a cache that has changed/);
    expect(sum.dataSync()[0]).toBe(1);
    clone.dispose();
    sum.dispose();
    store.dispose();
  });

  test("take their own view, and what they show other kernels are numbers", () => {
    const store = createKeyValueStore();
    tidy(() => store.append(keyValues(1, 2, 3, 4, 0)));
    const [before] = read(store);
    store.append(store.view());
    const { keys } = store.view();
    expect(keys.shape).toEqual([1, 2, 6, 4]);
    const doubled = tidy(() => add(keys, keys).dataSync());
    expect(doubled.subarray(0, 12)).toEqual(before!.subarray(0, 12).map((x) => 2 * x));
    store.dispose();
  });

  test("refuse what does not fit, and hold what they held", () => {
    const store = createKeyValueStore();
    tidy(() => {
      store.append(keyValues(2, 2, 3, 4, 0));
      for (const [rows, heads, width] of [
        [1, 2, 4],
        [2, 1, 4],
        [2, 2, 5],
      ] as const)
        expect(() => store.append(keyValues(rows, heads, 3, width, 0))).toThrow(OpsError);
      expect(() => store.reorder([2])).toThrow(NativeError);
      expect(read(store)).toEqual(Object.values(keyValues(2, 2, 3, 4, 0)).map((x: Tensor4D) => x.dataSync()));
    });
    store.dispose();
    expect(() => store.view()).toThrow(NativeError);
  });

  test("step by step are attended to as all at once", () => {
    const [heads, groups, width, length, window] = [4, 2, 16, 600, 300];
    const { keys, values } = keyValues(2, groups, length, width, 3);
    const q = keyValues(2, heads, length, width, 9).keys;
    const mask = new AttentionMask({ queries: length, keys: length, window });
    const whole = attention(q, keys, values, mask, 0.25).dataSync();
    const store = createKeyValueStore();
    const at = (x: Tensor4D, i: number) => {
      const [rows, lanes] = x.shape;
      const all = x.dataSync();
      const one = Float32Array.from({ length: rows * lanes * width }, (_, n) => {
        const [lane, d] = [Math.floor(n / width), n % width];
        return all[(lane * length + i) * width + d]!;
      });
      return tensor4d(one, [rows, lanes, 1, width]);
    };
    let worst = 0;
    for (let i = 0; i < length; i++)
      tidy(() => {
        store.evict(Math.max(0, store.length - window + 1));
        store.append({ keys: at(keys, i), values: at(values, i) });
        const step = new AttentionMask({ queries: 1, keys: store.length, window });
        const view = store.view();
        const out = attention(at(q, i), view.keys, view.values, step, 0.25).dataSync();
        for (let row = 0; row < 2; row++)
          for (let n = 0; n < heads * width; n++) {
            const expected = whole[(row * length + i) * heads * width + n]!;
            worst = Math.max(worst, Math.abs(out[row * heads * width + n]! - expected));
          }
      });
    expect(worst).toBeLessThan(1e-6);
    store.dispose();
    mask.dispose();
  });
});
