/** Attention and its masks against what they say of themselves, in float64. */

import { concat, memory, slice, type Tensor, type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import {
  AttentionMask,
  type AttentionMaskShape,
  attention,
  attentionWithProbabilities,
  gradientsOf,
} from "../../src/index.js";
import { expectClose, expectTensor } from "../support/close.js";
import { ENGINES, useBackend } from "../support/engines.js";
import { composed } from "../support/kernels.js";
import { attention as reference } from "../support/reference.js";
import { normal, toTensor, type Values } from "../support/values.js";

/** Scores up to about 10 are rounded to 1e-6 of themselves before they go into an exponent. */
const OF_SOFTMAX = { absolute: 2e-5, relative: 2e-5 };

const tokens = (...rows: string[]) => ({ rows: rows.length, values: Uint8Array.from(rows.join(""), Number) });
/** For each query the slots that it sees, as a string of 0 and 1. */
const seen = (shape: AttentionMaskShape, row = 0): string[] => {
  const mask = new AttentionMask(shape);
  return Array.from({ length: shape.queries }, (_, query) =>
    Array.from({ length: shape.keys }, (_, key) => Number(mask.sees(row, query, key))).join(""),
  );
};

describe("a mask", () => {
  test("lets a query see itself and what is before it", () => {
    expect(seen({ queries: 3, keys: 3 })).toEqual(["100", "110", "111"]);
    expect(seen({ queries: 2, keys: 4 })).toEqual(["1110", "1111"]);
  });

  test("ends at the window, which counts the query itself", () => {
    expect(seen({ queries: 4, keys: 4, window: 2 })).toEqual(["1000", "1100", "0110", "0011"]);
    expect(seen({ queries: 2, keys: 4, window: 1 })).toEqual(["0010", "0001"]);
  });

  test("leaves padding out, row by row", () => {
    const shape = { queries: 3, keys: 3, keyPadding: tokens("011", "110") };
    expect(seen(shape, 0)).toEqual(["000", "010", "011"]);
    expect(seen(shape, 1)).toEqual(["100", "110", "110"]);
  });

  test("keeps the texts of a row apart", () => {
    const documentIds = { rows: 2, values: Int32Array.of(3, 3, 5, 5, 1, 1, 1, 2) };
    expect(seen({ queries: 4, keys: 4, documentIds }, 0)).toEqual(["1000", "1100", "0010", "0011"]);
    expect(seen({ queries: 4, keys: 4, documentIds, window: 2 }, 1)).toEqual(["1000", "1100", "0110", "0001"]);
    const keyPadding = tokens("0111", "1110");
    expect(seen({ queries: 4, keys: 4, documentIds, keyPadding }, 0)).toEqual(["0000", "0100", "0010", "0011"]);
    expect(
      new AttentionMask({ queries: 2, keys: 2, documentIds: { rows: 1, values: Int32Array.of(4, 4) } }).documentIds,
    ).toBe(null);
    for (const shape of [
      { queries: 1, keys: 2, documentIds: { rows: 1, values: Int32Array.of(0, 1) } },
      { queries: 3, keys: 3, documentIds: { rows: 1, values: Int32Array.of(0, 1) } },
      { queries: 2, keys: 2, documentIds: { rows: 1, values: Int32Array.of(0, 1) }, keyPadding: tokens("01", "01") },
    ])
      expect(() => new AttentionMask(shape)).toThrow("AttentionMask: expected document ids of");
  });

  test("forgets a window that reaches everywhere, and padding that pads nothing", () => {
    const mask = new AttentionMask({ queries: 1, keys: 3, window: 3, keyPadding: tokens("111") });
    expect(mask).toMatchObject({ window: null, keyPadding: null, isOpen: true });
    expect(new AttentionMask({ queries: 1, keys: 3, window: 2 })).toMatchObject({ window: 2, isOpen: false });
    expect(new AttentionMask({ queries: 2, keys: 3 }).isOpen).toBe(false);
    expect(new AttentionMask({ queries: 1, keys: 3, keyPadding: tokens("011") }).isOpen).toBe(false);
  });

  test("makes each of its tensors once, in a tidy too, and frees them", async () => {
    await useBackend(ENGINES[0]!);
    const mask = new AttentionMask({ queries: 2, keys: 2, keyPadding: tokens("11", "01") });
    const before = memory().numTensors;
    tidy(() => void [mask.additive(), mask.padding()]);
    const [additive, padding] = [mask.additive(), mask.padding()!];
    expect(additive.shape).toEqual([2, 1, 2, 2]);
    const masked = Math.fround(-3.4e38);
    expect([...additive.dataSync()]).toEqual([0, masked, 0, 0, masked, masked, masked, 0]);
    expect(padding.dtype).toBe("int32");
    expect(padding.arraySync()).toEqual([
      [1, 1],
      [0, 1],
    ]);
    expect(mask.additive()).toBe(additive);
    expect(mask.padding()).toBe(padding);
    expect(memory().numTensors - before).toBe(2);
    mask.dispose();
    mask.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test("without padding is one matrix for all rows", () => {
    const mask = new AttentionMask({ queries: 2, keys: 3 });
    expect(mask.additive().shape).toEqual([1, 1, 2, 3]);
    expect(mask.padding()).toBeUndefined();
    mask.dispose();
  });
});

interface Drawn extends AttentionMaskShape {
  readonly b: number;
  readonly h: number;
  readonly g: number;
  readonly d: number;
  readonly seed: number;
}

const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    b: fc.integer({ min: 1, max: 3 }),
    g: fc.integer({ min: 1, max: 2 }),
    group: fc.integer({ min: 1, max: 3 }),
    queries: fc.integer({ min: 1, max: 4 }),
    past: fc.nat(4),
    d: fc.integer({ min: 1, max: 5 }),
    window: fc.option(fc.integer({ min: 1, max: 6 })),
    bits: fc.option(fc.array(fc.constantFrom(0, 1, 1), { minLength: 24, maxLength: 24 })),
    seed: fc.integer(),
  })
  .map(({ group, past, bits, ...rest }) => {
    const keys = rest.queries + past;
    const keyPadding = bits && { rows: rest.b, values: Uint8Array.from(bits.slice(0, rest.b * keys)) };
    return { ...rest, h: rest.g * group, keys, keyPadding };
  });

describe.each(ENGINES)("on %s", (engine) => {
  beforeAll(() => useBackend(engine));

  test("attention is what its formula says, with kernel and without", () => {
    fc.assert(
      fc.property(drawn, (one) => {
        const inputs = inputsOf(one);
        const expected = {
          shape: [one.b, one.queries, one.h * one.d],
          values: reference(inputs, one, one.d ** -0.5).output,
        };
        const mask = new AttentionMask(one);
        const run = () =>
          tidy(() => expectTensor(attention(...tensorsOf(inputs), mask, one.d ** -0.5), expected, OF_SOFTMAX));
        run();
        composed(run);
        mask.dispose();
      }),
      { numRuns: 80 },
    );
  });

  test("attentionWithProbabilities gives both", () => {
    fc.assert(
      fc.property(drawn, (one) => {
        const inputs = inputsOf(one);
        const expected = reference(inputs, one, one.d ** -0.5);
        const mask = new AttentionMask(one);
        const before = memory().numTensors;
        tidy(() => {
          const { output, probabilities } = attentionWithProbabilities(...tensorsOf(inputs), mask, one.d ** -0.5);
          const shape = [one.b, one.h, one.queries, one.keys];
          expectTensor(probabilities, { shape, values: expected.probabilities }, OF_SOFTMAX);
          expectTensor(output, { shape: [one.b, one.queries, one.h * one.d], values: expected.output }, OF_SOFTMAX);
        });
        mask.dispose();
        expect(memory().numTensors).toBe(before);
      }),
      { numRuns: 40 },
    );
  });

  test("texts in one row attend as texts in rows of their own, and have the same gradients", () => {
    const shape = [1, 4, 5, 3];
    const inputs = [normal(1, shape), normal(2, [1, 2, 5, 3]), normal(3, [1, 2, 5, 3])];
    const upstream = normal(4, [1, 5, 12]);
    const values = (mask: AttentionMask, from: number, to: number): Float32Array[] =>
      tidy(() => {
        const [q, k, v] = inputs.map((one) =>
          slice(toTensor(one) as Tensor4D, [0, 0, from, 0], [-1, -1, to - from, -1]),
        );
        const dy = slice(toTensor(upstream), [0, from, 0], [-1, to - from, -1]);
        const run = (): Tensor => attention(q!, k!, v!, mask, 0.5);
        return [run(), ...gradientsOf(run, [q!, k!, v!], dy)].map((one) => one.dataSync() as Float32Array);
      });
    const documentIds = { rows: 1, values: Int32Array.of(0, 0, 0, 1, 1) };
    const packed = values(new AttentionMask({ queries: 5, keys: 5, documentIds }), 0, 5);
    const apart = [
      values(new AttentionMask({ queries: 3, keys: 3 }), 0, 3),
      values(new AttentionMask({ queries: 2, keys: 2 }), 3, 5),
    ];
    const shapes = [[1, 1, 5, 12], shape, [1, 2, 5, 3], [1, 2, 5, 3]];
    for (const [i, [, heads, , width]] of shapes.entries()) {
      const joined = tidy(() => {
        const parts = apart.map((part) => tensor4d(part[i]!, [1, heads!, part[i]!.length / heads! / width!, width!]));
        return concat(parts, 2).dataSync();
      });
      expectClose(packed[i]!, joined as Float32Array, OF_SOFTMAX);
    }
  });

  test("a query that sees nothing attends to every slot evenly, later ones too", () => {
    const shape = { queries: 3, keys: 3, keyPadding: tokens("001") };
    const inputs = inputsOf({ ...shape, b: 1, h: 1, g: 1, d: 2, seed: 1 });
    const { values } = inputs.v;
    const mean = [0, 1].map((i) => (values[i]! + values[2 + i]! + values[4 + i]!) / 3);
    const expected = { shape: [1, 3, 2], values: [...mean, ...mean, values[4]!, values[5]!] };
    const run = () =>
      tidy(() => {
        const mask = new AttentionMask(shape);
        expectTensor(attention(...tensorsOf(inputs), mask, 1), expected);
        mask.dispose();
      });
    run();
    composed(run);
  });
});

type Inputs = Readonly<Record<"q" | "k" | "v", Values>>;

function inputsOf({ b, h, g, d, queries, keys, seed }: Drawn): Inputs {
  return {
    q: normal(seed, [b, h, queries, d], { scale: 1.5 }),
    k: normal(seed + 1, [b, g, keys, d], { scale: 1.5 }),
    v: normal(seed + 2, [b, g, keys, d]),
  };
}

function tensorsOf({ q, k, v }: Inputs): [Tensor4D, Tensor4D, Tensor4D] {
  return [toTensor(q) as Tensor4D, toTensor(k) as Tensor4D, toTensor(v) as Tensor4D];
}
