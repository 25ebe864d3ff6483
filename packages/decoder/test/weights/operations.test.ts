/** Each step and its compositions: the parameters are those of the indices, and saving gives the bytes that were loaded. */
import type { Dtype } from "@mixtape/safetensors";
import { beforeAll, describe, expect, test } from "vitest";
import {
  add,
  concat,
  convert,
  deinterleave,
  from,
  interleave,
  split,
  squeeze,
  stack,
  transpose,
  type WeightMapping,
} from "../../src/index.js";
import { useCpu } from "../support/tiny.js";
import {
  contentsOf,
  element,
  fileOf,
  fill,
  load,
  Params,
  sample,
  save,
  type Values,
  valuesOf,
} from "../support/weights.js";

beforeAll(useCpu);

interface Case {
  readonly mapping: WeightMapping;
  readonly disk: Readonly<Record<string, Values>>;
  /** What the parameters must be, by the same indices. */
  readonly params: Readonly<Record<string, Values>>;
}

const E = 3;
const I = 4;
const M = 5;
const big = sample([E, 2 * I, M]);
const wide = sample([E, M, 2 * I]);
const bias = sample([E, 2 * I]);
const experts = Array.from({ length: E }, (_, e) => sample([M, I], e + 1));
const at = element;

const CASES: Readonly<Record<string, Case>> = {
  "transpose of a matrix": {
    mapping: convert("a", from("t", transpose())),
    disk: { t: sample([70, 33]) },
    params: { a: fill([33, 70], (i, j) => at(sample([70, 33]), j, i)) },
  },
  "transpose of the first two axes": {
    mapping: convert("a", from("t", transpose(0, 1))),
    disk: { t: big },
    params: { a: fill([2 * I, E, M], (i, e, m) => at(big, e, i, m)) },
  },
  "split along the first axis, unequal": {
    mapping: convert(["a", "b", "c"], from("t", split(0))),
    disk: { t: sample([9, 4]) },
    params: {
      a: fill([5, 4], (i, j) => at(sample([9, 4]), i, j)),
      b: fill([3, 4], (i, j) => at(sample([9, 4]), 5 + i, j)),
      c: fill([1, 4], (i, j) => at(sample([9, 4]), 8 + i, j)),
    },
  },
  "split along the second axis of a stack": {
    mapping: convert(["a", "b"], from("t", split(1))),
    disk: { t: big },
    params: {
      a: fill([E, I, M], (e, i, m) => at(big, e, i, m)),
      b: fill([E, I, M], (e, i, m) => at(big, e, I + i, m)),
    },
  },
  "split along the last axis, unequal": {
    mapping: convert(["a", "b"], from("t", split(-1))),
    disk: { t: sample([4, 7]) },
    params: {
      a: fill([4, 5], (i, j) => at(sample([4, 7]), i, j)),
      b: fill([4, 2], (i, j) => at(sample([4, 7]), i, 5 + j)),
    },
  },
  "concat along the first axis": {
    mapping: convert("a", from(["q", "k"], concat(0, [4, 2]))),
    disk: { q: sample([4, 3], 1), k: sample([2, 3], 2) },
    params: { a: fill([6, 3], (i, j) => (i < 4 ? at(sample([4, 3], 1), i, j) : at(sample([2, 3], 2), i - 4, j))) },
  },
  "concat along the second axis of a stack": {
    mapping: convert("a", from(["q", "k"], concat(1, [I, 2]))),
    disk: { q: sample([E, I, M], 1), k: sample([E, 2, M], 2) },
    params: {
      a: fill([E, I + 2, M], (e, i, m) =>
        i < I ? at(sample([E, I, M], 1), e, i, m) : at(sample([E, 2, M], 2), e, i - I, m),
      ),
    },
  },
  deinterleave: {
    mapping: convert("a", from("t", deinterleave(3, 0))),
    disk: { t: sample([12, 2]) },
    params: { a: fill([12, 2], (i, j) => at(sample([12, 2]), (i % 4) * 3 + Math.floor(i / 4), j)) },
  },
  interleave: {
    mapping: convert("a", from("t", interleave(3, 0))),
    disk: { t: sample([12, 2]) },
    params: { a: fill([12, 2], (i, j) => at(sample([12, 2]), (i % 3) * 4 + Math.floor(i / 3), j)) },
  },
  "interleave undoes deinterleave": {
    mapping: convert("a", from("t", deinterleave(2, 1), interleave(2, 1))),
    disk: { t: big },
    params: { a: big },
  },
  squeeze: {
    mapping: convert("a", from("t", squeeze(1))),
    disk: { t: sample([6, 1, 4]) },
    params: { a: { ...sample([6, 1, 4]), shape: [6, 4] } },
  },
  "stack of matrices": {
    mapping: convert("a", from("e.*.w", stack())),
    disk: Object.fromEntries(experts.map((values, e) => [`e.${e}.w`, values])),
    params: { a: fill([E, M, I], (e, m, i) => at(experts[e]!, m, i)) },
  },
  "stack of vectors": {
    mapping: convert("a", from("e.*.b", stack())),
    disk: { "e.0.b": sample([4], 1), "e.1.b": sample([4], 2) },
    params: { a: fill([2, 4], (e, i) => at(sample([4], e + 1), i)) },
  },
  "stack of transposed matrices": {
    mapping: convert("a", from("e.*.w", transpose(), stack())),
    disk: Object.fromEntries(experts.map((values, e) => [`e.${e}.w`, values])),
    params: { a: fill([E, I, M], (e, i, m) => at(experts[e]!, m, i)) },
  },
  "transposed stack of matrices": {
    mapping: convert("a", from("e.*.w", stack(), transpose())),
    disk: Object.fromEntries(experts.map((values, e) => [`e.${e}.w`, values])),
    params: { a: fill([E, I, M], (e, i, m) => at(experts[e]!, m, i)) },
  },
  "stacked halves of matrices": {
    mapping: convert(["a", "b"], from("e.*.w", split(0), stack())),
    disk: Object.fromEntries(experts.map((values, e) => [`e.${e}.w`, values])),
    params: {
      a: fill([E, 2, I], (e, m, i) => at(experts[e]!, m, i)),
      b: fill([E, 3, I], (e, m, i) => at(experts[e]!, 2 + m, i)),
    },
  },
  "gate and up in alternating columns, the input first": {
    mapping: convert(["gate", "up"], from("gate_up", transpose(), deinterleave(2, 1), split(1))),
    disk: { gate_up: wide },
    params: {
      gate: fill([E, I, M], (e, i, m) => at(wide, e, m, 2 * i)),
      up: fill([E, I, M], (e, i, m) => at(wide, e, m, 2 * i + 1)),
    },
  },
  "the same, steps in another order": {
    mapping: convert(["gate", "up"], from("gate_up", deinterleave(2, -1), split(-1), transpose())),
    disk: { gate_up: wide },
    params: {
      gate: fill([E, I, M], (e, i, m) => at(wide, e, m, 2 * i)),
      up: fill([E, I, M], (e, i, m) => at(wide, e, m, 2 * i + 1)),
    },
  },
  "biases of gate and up in alternating columns": {
    mapping: convert(["gate", "up"], from("gate_up_bias", deinterleave(2, 1), split(1))),
    disk: { gate_up_bias: bias },
    params: {
      gate: fill([E, I], (e, i) => at(bias, e, 2 * i)),
      up: fill([E, I], (e, i) => at(bias, e, 2 * i + 1)),
    },
  },
  "unequal parts across parts that alternated": {
    mapping: convert(["a", "b"], from("t", deinterleave(2, 0), split(0))),
    disk: { t: sample([10, 3]) },
    params: {
      a: fill([7, 3], (i, j) => at(sample([10, 3]), (i % 5) * 2 + Math.floor(i / 5), j)),
      b: fill([3, 3], (i, j) => at(sample([10, 3]), ((i + 7) % 5) * 2 + Math.floor((i + 7) / 5), j)),
    },
  },
  "parts of parts that do not divide": {
    mapping: convert("a", from("t", deinterleave(4, 0), deinterleave(3, 0))),
    disk: { t: sample([24, 2]) },
    params: {
      a: fill([24, 2], (i, j) => {
        const k = (i % 8) * 3 + Math.floor(i / 8);
        return at(sample([24, 2]), (k % 6) * 4 + Math.floor(k / 6), j);
      }),
    },
  },
  "add to a vector": {
    mapping: convert("a", from("w", add(1))),
    disk: { w: sample([40]) },
    params: { a: fill([40], (i) => at(sample([40]), i) + 1) },
  },
  "add to parts of a transposed matrix": {
    mapping: convert(["a", "b"], from("w", transpose(), split(0), add(-0.5))),
    disk: { w: sample([3, 6]) },
    params: {
      a: fill([2, 3], (i, j) => at(sample([3, 6]), j, i) - 0.5),
      b: fill([4, 3], (i, j) => at(sample([3, 6]), j, i + 2) - 0.5),
    },
  },
};

const DTYPES: readonly Dtype[] = ["F32", "BF16", "F16"];

describe.each(Object.entries(CASES))("%s", (_, { mapping, disk, params }) => {
  const shapes = Object.fromEntries(Object.entries(params).map(([name, { shape }]) => [name, shape]));

  test.each(DTYPES)("in %s", async (dtype) => {
    const module = new Params(shapes);
    const file = await fileOf(disk, dtype);
    await load(module, file, [mapping]);
    const values = await valuesOf(module);
    for (const [name, expected] of Object.entries(params))
      expect(values[name]).toEqual([...Array.from(expected.values)]);
    expect(await contentsOf(await save(module, [mapping]))).toEqual(await contentsOf(file));
    module.dispose();
  });

  test("saved in another dtype and loaded again", async () => {
    const module = new Params(shapes);
    await load(module, await fileOf(disk), [mapping]);
    const compact = await save(module, [mapping], "BF16");
    expect(Object.values(await contentsOf(compact)).map((tensor) => tensor.dtype)).toEqual(
      Object.keys(disk).map(() => "BF16"),
    );
    const again = new Params(shapes);
    await load(again, compact, [mapping]);
    expect(await valuesOf(again)).toEqual(await valuesOf(module));
  });
});

test("a sum that float32 rounds is undone to the bit, and follows what training makes of it", async () => {
  const mapping = convert("a", from("w", add(1)));
  const tiny = { shape: [6], values: [1e-9, -3e-12, 0.1, 1 / 3, -1.2345678e-5, 2 ** -40] };
  for (const dtype of DTYPES) {
    const module = new Params({ a: [6] });
    const file = await fileOf({ w: tiny }, dtype);
    await load(module, file, [mapping]);
    expect(await contentsOf(await save(module, [mapping]))).toEqual(await contentsOf(file));
  }
  // What is loaded without a remainder leaves none behind.
  const module = new Params({ a: [6] });
  await load(module, await fileOf({ w: tiny }), [mapping]);
  const exact = await fileOf({ w: sample([6]) });
  await load(module, exact, [mapping]);
  expect(await contentsOf(await save(module, [mapping]))).toEqual(await contentsOf(exact));
});
