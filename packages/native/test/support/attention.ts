/** Attention against its definition, in float64. */

import { AttentionMask, type AttentionMaskShape, attention, createKeyValueStore, type KeyValues } from "@mixtape/ops";
import { memory, type Tensor4D, tensor1d, tensor4d, tidy } from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Isa, onIsa } from "./isa.js";

type Shape4 = [number, number, number, number];

interface Case extends AttentionMaskShape {
  readonly rows: number;
  readonly heads: number;
  readonly groups: number;
  readonly width: number;
  /** Numbers of a value; as many as of a key by default. */
  readonly valueWidth?: number;
  /** Whether values are the first numbers of their keys. */
  readonly sharesValues?: boolean;
  readonly hasSinks?: boolean;
  readonly seed: number;
}

/** Numbers about as far from 0 as those of a normalised head. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  return Float32Array.from({ length: count }, () => 3 * (next() + next() + next() - 1.5));
}

interface Inputs {
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
  readonly sinks?: Float32Array | undefined;
}

function inputsOf(one: Case): Inputs {
  const { rows, heads, groups, queries, keys, width, valueWidth = width, sharesValues, hasSinks, seed } = one;
  const k = numbers(rows * groups * keys * width, seed + 1);
  return {
    q: numbers(rows * heads * queries * width, seed),
    k,
    v: sharesValues ? sharedValues(k, one) : numbers(rows * groups * keys * valueWidth, seed + 2),
    sinks: hasSinks ? numbers(heads, seed + 3) : undefined,
  };
}

/** The first numbers of each key. */
function sharedValues(keys: Float32Array, { width, valueWidth = width }: Case): Float32Array {
  const values = new Float32Array((keys.length / width) * valueWidth);
  for (let i = 0; i * width < keys.length; i++)
    values.set(keys.subarray(i * width, i * width + valueWidth), i * valueWidth);
  return values;
}

/** `[rows, queries, heads · valueWidth]` */
function reference({ q, k, v, sinks }: Inputs, one: Case, scale: number): Float64Array {
  const { rows, heads, groups, queries, keys, width, valueWidth = width } = one;
  const mask = new AttentionMask(one);
  const out = new Float64Array(rows * queries * heads * valueWidth);
  for (let row = 0; row < rows; row++)
    for (let head = 0; head < heads; head++)
      for (let query = 0; query < queries; query++) {
        const at = ((row * heads + head) * queries + query) * width;
        const lane = (row * groups + Math.floor(head / (heads / groups))) * keys;
        const seen = Array.from({ length: keys }, (_, key) => key).filter((key) => mask.sees(row, query, key));
        const scores = seen.map((key) => {
          let dot = 0;
          for (let i = 0; i < width; i++) dot += q[at + i]! * k[(lane + key) * width + i]!;
          return dot * scale;
        });
        const largest = Math.max(...scores);
        const weights = new Map(seen.map((key, i) => [key, Math.exp(scores[i]! - largest)]));
        if (seen.length === 0) for (let key = 0; key < keys; key++) weights.set(key, 1);
        const sink = sinks ? Math.exp(sinks[head]! - largest) : 0;
        const total = [...weights.values()].reduce((sum, weight) => sum + weight, sink);
        const to = ((row * queries + query) * heads + head) * valueWidth;
        // Nothing but the sink is seen: it has no value.
        if (sinks && seen.length === 0) continue;
        for (const [key, weight] of weights)
          for (let i = 0; i < valueWidth; i++) out[to + i]! += (weight / total) * v[(lane + key) * valueWidth + i]!;
      }
  return out;
}

function bfloat16(values: Float32Array): Float32Array {
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  return new Float32Array(bits.map((b) => (b + 0x7fff + ((b >>> 16) & 1)) & 0xffff0000).buffer);
}

/** Rows of a width as int8 has them: multiples of the largest magnitude over 127. */
function int8(values: Float32Array, width: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < values.length; row += width) {
    const own = values.subarray(row, row + width);
    const scale = Math.fround(Math.max(...own.map(Math.abs)) / 127);
    for (const [i, x] of own.entries()) out[row + i] = scale * roundedToEven(Math.fround(x / scale));
  }
  return out;
}

function roundedToEven(x: number): number {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

/** The positions [from, to) of `[rows, groups, keys, width]`. */
function cut(values: Float32Array, { rows, groups, keys }: Case, width: number, from: number, to: number): Tensor4D {
  const lanes = Array.from({ length: rows * groups }, (_, lane) =>
    values.subarray((lane * keys + from) * width, (lane * keys + to) * width),
  );
  const all = new Float32Array(lanes.length * (to - from) * width);
  for (const [i, lane] of lanes.entries()) all.set(lane, i * lane.length);
  return tensor4d(all, [rows, groups, to - from, width]);
}

/** Runs attention on tensors, and on a store that was filled in pieces and truncated before. */
function results(inputs: Inputs, one: Case, scale: number, dtype: "F32" | "BF16" | "int8", pieces: readonly number[]) {
  const { rows, heads, groups, queries, keys, width, valueWidth = width, sharesValues } = one;
  const mask = new AttentionMask(one);
  const own = dtype === "int8" ? ({ kvCacheDtype: "int8" } as const) : { dtype };
  const store = createKeyValueStore({ ...own, ...(sharesValues && { sharedWidth: valueWidth }) });
  const append = ({ keys, values }: KeyValues) => store.append(sharesValues ? { keys } : { keys, values });
  const keysIn = (from: number, to: number) => cut(inputs.k, one, width, from, to);
  const valuesIn = (from: number, to: number) => cut(inputs.v, one, valueWidth, from, to);
  try {
    return tidy(() => {
      const q = tensor4d(inputs.q, [rows, heads, queries, width]);
      const dropped = pieces[0]!;
      const noiseOf = (width: number) => {
        const shape: Shape4 = [rows, groups, dropped, width];
        return tensor4d(numbers(rows * groups * dropped * width, 7), shape);
      };
      const noise = { keys: noiseOf(width), values: noiseOf(valueWidth) };
      append(noise);
      let from = 0;
      for (const piece of [...pieces.slice(1), keys]) {
        const to = Math.min(keys, from + piece);
        if (to > from) append({ keys: keysIn(from, to), values: valuesIn(from, to) });
        from = to;
      }
      append(noise);
      store.truncate(dropped + keys);
      store.evict(dropped);
      const view = store.view();
      const options = inputs.sinks ? { sinks: tensor1d(inputs.sinks) } : {};
      return {
        ofTensors: attention(q, keysIn(0, keys), valuesIn(0, keys), mask, scale, options).dataSync(),
        ofStore: attention(q, view.keys, view.values, mask, scale, options).dataSync(),
      };
    });
  } finally {
    store.dispose();
    mask.dispose();
  }
}

function expectClose(got: ArrayLike<number>, expected: Float64Array, tolerance: number, what: string): void {
  expect(got.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const off = Math.abs(got[i]! - expected[i]!) / (1 + Math.abs(expected[i]!));
    if (!(off <= worst)) worst = off;
  }
  expect(worst, what).toBeLessThan(tolerance);
}

const drawn: fc.Arbitrary<{ one: Case; pieces: number[] }> = fc
  .record({
    rows: fc.integer({ min: 1, max: 3 }),
    groups: fc.integer({ min: 1, max: 2 }),
    perGroup: fc.constantFrom(1, 2, 3, 4, 5, 8, 16),
    queries: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 40 }), fc.integer({ min: 41, max: 150 })),
    past: fc.oneof(fc.nat(4), fc.nat(700)),
    width: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(64, 96, 127, 128)),
    values: fc.option(fc.record({ part: fc.double({ min: 0, max: 1, noNaN: true }), sharesValues: fc.boolean() })),
    hasSinks: fc.boolean(),
    window: fc.option(fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 7, max: 400 }))),
    padding: fc.option(fc.array(fc.nat(200), { minLength: 3, maxLength: 3 })),
    holes: fc.boolean(),
    seed: fc.integer(),
    pieces: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 4 }),
  })
  .map(({ perGroup, past, padding, holes, pieces, values: narrower, ...rest }) => {
    const valueWidth = narrower ? Math.max(1, Math.round(narrower.part * rest.width)) : rest.width;
    const sharesValues = narrower?.sharesValues ?? false;
    const keys = rest.queries + past;
    const values = new Uint8Array(rest.rows * keys).fill(1);
    if (padding)
      for (let row = 0; row < rest.rows; row++) {
        values.fill(0, row * keys, row * keys + Math.min(keys, padding[row]!));
        if (holes) for (let key = 0; key < keys; key += 5) values[row * keys + key] = 0;
      }
    const keyPadding = padding && { rows: rest.rows, values };
    return { one: { ...rest, valueWidth, sharesValues, heads: rest.groups * perGroup, keys, keyPadding }, pieces };
  })
  .filter(({ one }) => one.rows * one.heads * one.queries * one.keys * one.width < 6e6);

/** Which instruction sets multiply bfloat16 by bfloat16, where there are several queries. */
const ROUNDS: Readonly<Record<Isa, boolean>> = {
  portable: false,
  avx2: false,
  avx512: true,
  amx: true,
  neon: false,
  neon_dotprod: false,
};

export function attentionTests(isa: Isa): void {
  onIsa(isa, () => {
    test("is what its definition says, over tensors and over a store in blocks", () => {
      fc.assert(
        fc.property(drawn, ({ one, pieces }) => {
          const inputs = inputsOf(one);
          const scale = one.width ** -0.5;
          const expected = reference(inputs, one, scale);
          const before = memory().numTensors;
          const { ofTensors, ofStore } = results(inputs, one, scale, "F32", pieces);
          expect(memory().numTensors).toBe(before);
          expectClose(ofTensors, expected, 1e-5, "tensors");
          expectClose(ofStore, expected, 1e-5, "store");
        }),
        { numRuns: 60 },
      );
    });

    test("keeps the texts of packed rows apart", () => {
      const packed = fc.tuple(drawn, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 30 }));
      fc.assert(
        fc.property(packed, ([{ one: drawn, pieces }, lengths]) => {
          // Texts of these lengths, one row after another, and one of what is left of a row.
          const { rows, queries: keys } = drawn;
          const values = new Int32Array(rows * keys);
          for (let text = 0, at = 0; at < values.length; at += lengths[text++ % lengths.length]!)
            values.fill(text + 1, at);
          const shown = drawn.keyPadding?.values.subarray(0, rows * keys);
          const keyPadding = shown ? { rows, values: shown } : null;
          const one: Case = { ...drawn, keys, keyPadding, documentIds: { rows, values } };
          const inputs = inputsOf(one);
          const scale = one.width ** -0.5;
          const expected = reference(inputs, one, scale);
          const { ofTensors, ofStore } = results(inputs, one, scale, "F32", pieces);
          expectClose(ofTensors, expected, 1e-5, "tensors");
          expectClose(ofStore, expected, 1e-5, "store");
          if (!ROUNDS[isa]) return;
          const rounded = { ...inputs, q: bfloat16(inputs.q), k: bfloat16(inputs.k), v: bfloat16(inputs.v) };
          const ofRounded = results(rounded, one, scale, "BF16", pieces).ofStore;
          expectClose(ofRounded, reference(rounded, one, scale), 6e-2, "store in bfloat16");
        }),
        { numRuns: 40 },
      );
    });

    test("over an int8 store is that of rounded keys and values, queries and weights stay as they are", () => {
      fc.assert(
        fc.property(drawn, ({ one, pieces }) => {
          const inputs = inputsOf(one);
          const scale = one.width ** -0.5;
          const k = int8(inputs.k, one.width);
          const v = one.sharesValues ? sharedValues(k, one) : int8(inputs.v, one.valueWidth ?? one.width);
          const { ofStore } = results(inputs, one, scale, "int8", pieces);
          expectClose(ofStore, reference({ ...inputs, k, v }, one, scale), 1e-5, "store");
        }),
        { numRuns: 60 },
      );
    });

    test("over a bfloat16 store is that of rounded keys and values", () => {
      fc.assert(
        fc.property(drawn, ({ one, pieces }) => {
          const { q, k, v, sinks } = inputsOf(one);
          const scale = one.width ** -0.5;
          const store = { k: bfloat16(k), v: bfloat16(v), sinks };
          const got = results({ q, k, v, sinks }, one, scale, "BF16", pieces).ofStore;
          if (ROUNDS[isa] && one.queries > 1) {
            // Queries meet keys as bfloat16, in units of powers of two; so do weights values: each is off by 2⁻⁹ at most.
            const rounded = bfloat16(q.map((x) => x * scale * Math.LOG2E));
            expectClose(got, reference({ ...store, q: rounded }, one, Math.LN2), 1e-2, "store");
          } else {
            expectClose(got, reference({ ...store, q }, one, scale), 1e-5, "store");
          }
        }),
        { numRuns: 60 },
      );
    });

    test.each([1, 5, 40])("a score that is not a number makes its %i queries none, and no other", (queries) => {
      const one: Case = { rows: 1, heads: 4, groups: 2, queries, keys: queries + 20, width: 16, seed: 3 };
      const inputs = inputsOf(one);
      // A query of the first head, then a key that only the last query sees.
      inputs.q[0] = Number.NaN;
      inputs.k[(2 * one.keys - 1) * one.width] = Number.NaN;
      const { ofTensors, ofStore } = results(inputs, one, 0.25, "F32", [10, 3]);
      const expected = reference(inputs, one, 0.25);
      for (const got of [ofTensors, ofStore])
        expect(Array.from(got, Number.isNaN)).toEqual(Array.from(expected, Number.isNaN));
      expect(expected.some(Number.isNaN) && expected.some((x) => !Number.isNaN(x))).toBe(true);
    });

    test("what a query does not see does not reach it, whatever it is", () => {
      const one: Case = { rows: 1, heads: 4, groups: 2, queries: 60, keys: 60, width: 16, window: 9, seed: 5 };
      const inputs = inputsOf(one);
      for (let i = 0; i < one.width; i++) inputs.v[30 * one.width + i] = i % 2 ? Number.NaN : Infinity;
      const expected = reference(inputs, one, 0.25);
      const { ofTensors, ofStore } = results(inputs, one, 0.25, "F32", [10, 3]);
      for (const got of [ofTensors, ofStore])
        expect(Array.from(got, Number.isFinite)).toEqual(Array.from(expected, Number.isFinite));
    });

    test("large scores, and those without bound, are as in the definition", () => {
      const one: Case = { rows: 1, heads: 2, groups: 1, queries: 20, keys: 90, width: 8, seed: 9 };
      const inputs = inputsOf(one);
      const expected = reference(inputs, one, 40);
      for (const got of Object.values(results(inputs, one, 40, "F32", [1]))) expectClose(got, expected, 3e-4, "large");
      // All scores of the first query are −∞, or not a number where one is 0 · ∞.
      inputs.k.fill(1);
      for (let i = 0; i < one.width; i++) inputs.q[i] = -Infinity;
      for (const got of Object.values(results(inputs, one, 1, "F32", [1]))) {
        expect([...got.subarray(0, one.width)].every(Number.isNaN)).toBe(true);
        expect([...got.subarray(one.width)].some(Number.isNaN)).toBe(false);
      }
    });
  });
}
