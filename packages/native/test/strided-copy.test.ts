/** Strided copies (slice, transpose, tile, concat, pad) and gathers against plain loops; the same for all instruction sets. */

import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { registerNative } from "../src/index.js";
import { expectSame, normal, odd } from "./support/numbers.js";

type Shape = readonly number[];

/** A tensor in plain arrays. */
interface Plain {
  readonly shape: Shape;
  readonly values: ArrayLike<number>;
}

const sizeOf = (shape: Shape) => shape.reduce((size, n) => size * n, 1);

/** What has that shape, each number being the one of `from` at the place that `placeOf` finds. */
function picked(from: Plain, shape: Shape, placeOf: (place: number[]) => number[]): Plain {
  const values = Array.from({ length: sizeOf(shape) }, (_, i) => {
    const place = shape.map(() => 0);
    for (let axis = shape.length - 1, left = i; axis >= 0; left = Math.floor(left / shape[axis]!), axis--)
      place[axis] = left % shape[axis]!;
    const at = placeOf(place).reduce((sum, index, axis) => sum * from.shape[axis]! + index, 0);
    return from.values[at]!;
  });
  return { shape, values };
}

const DTYPES = ["float32", "int32", "bool"] as const;

function plain(shape: Shape, seed: number, dtype: (typeof DTYPES)[number] = "float32"): Plain {
  const floats = odd(sizeOf(shape), seed);
  const values =
    dtype === "float32" ? floats : floats.map((_, i) => (dtype === "bool" ? (i * 7 + seed) % 2 : i * 7 - seed));
  return { shape, values };
}

function tensorOf({ shape, values }: Plain, dtype: (typeof DTYPES)[number] = "float32"): tf.Tensor {
  return tf.tensor(Array.from(values), [...shape], dtype);
}

/** Runs, leaving nothing behind, and expects those very numbers. */
function expectMoved(run: () => tf.Tensor, expected: Plain, dtype = "float32"): void {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const y = run();
    expect(y.shape).toEqual(expected.shape);
    expect(y.dtype).toBe(dtype);
    expectSame(y.dataSync(), expected.values);
  });
  expect(tf.memory().numTensors).toBe(before);
}

const shapes = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 });
const dtype = fc.constantFrom(...DTYPES);
const seed = fc.nat(1000);

let missing: string | undefined;
try {
  registerNative();
} catch (error) {
  if (process.env.CI) throw error;
  missing = String(error);
  console.warn(`Not tested here: ${missing}`);
}

describe.skipIf(missing !== undefined)("strided copies", () => {
  beforeAll(async () => {
    await tf.setBackend("native");
  });

  test("slice", () => {
    const cuts = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        begin: fc.tuple(...shape.map((n) => fc.integer({ min: 0, max: n }))),
        left: fc.tuple(...shape.map((n) => fc.integer({ min: 0, max: n }))),
      }),
    );
    fc.assert(
      fc.property(cuts, dtype, seed, ({ shape, begin, left }, dtype, seed) => {
        const x = plain(shape, seed, dtype);
        const size = shape.map((n, axis) => Math.max(0, n - begin[axis]! - left[axis]!));
        const expected = picked(x, size, (place) => place.map((index, axis) => index + begin[axis]!));
        expectMoved(() => tf.slice(tensorOf(x, dtype), [...begin], size), expected, dtype);
      }),
    );
  });

  test("transpose", () => {
    const turns = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        perm: fc.shuffledSubarray([...shape.keys()], { minLength: shape.length }),
      }),
    );
    fc.assert(
      fc.property(turns, dtype, seed, ({ shape, perm }, dtype, seed) => {
        const x = plain(shape, seed, dtype);
        const permuted = perm.map((axis) => shape[axis]!);
        const expected = picked(x, permuted, (place) => shape.map((_, axis) => place[perm.indexOf(axis)]!));
        expectMoved(() => tf.transpose(tensorOf(x, dtype), perm), expected, dtype);
      }),
    );
  });

  test.each([
    ["positions and heads", [2, 65, 9, 128], [0, 2, 1, 3]],
    ["a matrix", [301, 203], [1, 0]],
    ["matrices", [3, 130, 71], [0, 2, 1]],
    ["all axes", [19, 23, 5, 31], [3, 2, 1, 0]],
    ["one long row", [70_001, 1, 2], [1, 0, 2]],
    ["narrow rows", [40_000, 3], [1, 0]],
  ])("transpose on all threads: %s", (_, shape, perm) => {
    const x = plain(shape, 3);
    const permuted = perm.map((axis) => shape[axis]!);
    const expected = picked(x, permuted, (place) => shape.map((_, axis) => place[perm.indexOf(axis)]!));
    expectMoved(() => tf.transpose(tensorOf(x), perm), expected);
  });

  test("tile", () => {
    const tiles = fc
      .array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 4 })
      .map((axes) => ({ shape: axes.map(([size]) => size), reps: axes.map(([, count]) => count) }));
    fc.assert(
      fc.property(tiles, dtype, seed, ({ shape, reps }, dtype, seed) => {
        const x = plain(shape, seed, dtype);
        const tiled = shape.map((n, axis) => n * reps[axis]!);
        const expected = picked(x, tiled, (place) => place.map((index, axis) => index % shape[axis]!));
        expectMoved(() => tf.tile(tensorOf(x, dtype), reps), expected, dtype);
      }),
    );
  });

  test("concat, of tensors with and without numbers", () => {
    const joins = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        axis: fc.integer({ min: 0, max: shape.length - 1 }),
        sizes: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 5 }),
      }),
    );
    fc.assert(
      fc.property(joins, dtype, seed, ({ shape, axis, sizes }, dtype, seed) => {
        const total = sizes.reduce((sum, n) => sum + n, 0);
        const whole = plain(shape.with(axis, total), seed, dtype);
        let from = 0;
        const parts = sizes.map((size) => {
          const offset = from;
          from += size;
          return picked(whole, shape.with(axis, size), (place) => place.with(axis, place[axis]! + offset));
        });
        const join = () =>
          tf.concat(
            parts.map((part) => tensorOf(part, dtype)),
            axis,
          );
        // tfjs leaves the size out of what holds nothing.
        if (sizeOf(whole.shape) > 0) expectMoved(join, whole, dtype);
      }),
    );
  });

  test("stack and unstack", () => {
    const stacks = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape.map((n) => n + 1)),
        axis: fc.integer({ min: 0, max: shape.length - 1 }),
      }),
    );
    fc.assert(
      fc.property(stacks, dtype, seed, ({ shape, axis }, dtype, seed) => {
        const whole = plain(shape, seed, dtype);
        const rest = shape.toSpliced(axis, 1);
        const parts = Array.from({ length: shape[axis]! }, (_, i) =>
          picked(whole, rest, (place) => place.toSpliced(axis, 0, i)),
        );
        expectMoved(
          () =>
            tf.stack(
              parts.map((part) => tensorOf(part, dtype)),
              axis,
            ),
          whole,
          dtype,
        );
        parts.forEach((part, i) => {
          expectMoved(() => tf.unstack(tensorOf(whole, dtype), axis)[i]!, part, dtype);
        });
      }),
    );
  });

  test("split", () => {
    const splits = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        axis: fc.integer({ min: 0, max: shape.length - 1 }),
        sizes: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 5 }),
      }),
    );
    fc.assert(
      fc.property(splits, dtype, seed, ({ shape, axis, sizes }, dtype, seed) => {
        const total = sizes.reduce((sum, n) => sum + n, 0);
        const whole = plain(shape.with(axis, total), seed, dtype);
        let from = 0;
        sizes.forEach((size, i) => {
          const offset = from;
          from += size;
          const part = picked(whole, shape.with(axis, size), (place) => place.with(axis, place[axis]! + offset));
          expectMoved(() => tf.split(tensorOf(whole, dtype), sizes, axis)[i]!, part, dtype);
        });
      }),
    );
  });

  test("pad", () => {
    const pads = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(pads, dtype, seed, (axes, dtype, seed) => {
        const x = plain(
          axes.map(([size]) => size),
          seed,
          dtype,
        );
        const padded = axes.map(([size, before, after]) => before + size + after);
        const { values } = picked(x, padded, (place) => place.map((index, axis) => index - axes[axis]![1]));
        const expected = Array.from(values, (value, at) => {
          const place = padded.map((_, axis) => Math.floor(at / sizeOf(padded.slice(axis + 1))) % padded[axis]!);
          const inside = place.every(
            (index, axis) => index >= axes[axis]![1] && index < axes[axis]![1] + axes[axis]![0],
          );
          return inside ? value : 1;
        });
        const run = () =>
          tf.pad(
            tensorOf(x, dtype),
            axes.map(([, before, after]): [number, number] => [before, after]),
            1,
          );
        expectMoved(run, { shape: padded, values: expected }, dtype);
      }),
    );
  });

  test("gather", () => {
    const gathers = shapes.chain((shape) =>
      fc.integer({ min: 0, max: shape.length - 1 }).chain((axis) =>
        fc.record({
          shape: fc.constant(shape.with(axis, shape[axis]! + 1)),
          axis: fc.constant(axis),
          indices: fc.array(fc.integer({ min: 0, max: shape[axis]! }), { maxLength: 6 }),
        }),
      ),
    );
    fc.assert(
      fc.property(gathers, dtype, seed, ({ shape, axis, indices }, dtype, seed) => {
        const x = plain(shape, seed, dtype);
        const expected = picked(x, shape.with(axis, indices.length), (place) =>
          place.with(axis, indices[place[axis]!]!),
        );
        expectMoved(() => tf.gather(tensorOf(x, dtype), tf.tensor1d(indices, "int32"), axis), expected, dtype);
      }),
    );
    const x = plain([50, 400], 1);
    const indices = Int32Array.from({ length: 300 }, (_, i) => (i * 17) % 50);
    const expected = picked(x, [300, 400], ([row, column]) => [indices[row!]!, column!]);
    expectMoved(() => tf.gather(tensorOf(x), tf.tensor1d(indices, "int32")), expected);
    expect(() => tf.tidy(() => tf.gather(tensorOf(x), tf.tensor1d([0, 50], "int32")))).toThrow("index value 50");
  });

  test("unsortedSegmentSum, some ids being of no segment", () => {
    for (const [rows, width, segments] of [
      [0, 3, 2],
      [1, 1, 1],
      [40, 7, 5],
      [300, 500, 30],
    ] as const) {
      const x = normal(rows * width, rows).map((value) => Math.round(value * 16) / 16);
      const ids = Int32Array.from({ length: rows }, (_, i) => ((i * 13) % (segments + 2)) - 1);
      const expected = new Float32Array(segments * width);
      ids.forEach((id, row) => {
        for (let i = 0; i < width && id >= 0 && id < segments; i++) expected[id * width + i]! += x[row * width + i]!;
      });
      expectMoved(() => tf.unsortedSegmentSum(tf.tensor2d(x, [rows, width]), tf.tensor1d(ids, "int32"), segments), {
        shape: [segments, width],
        values: expected,
      });
    }
  });

  test("cast to float32 makes numbers of it that other kernels read", () => {
    tf.tidy(() => {
      const ints = tf.cast(tf.tensor1d([-3, 0, 2_000_000_000], "int32"), "float32");
      expect(tf.mul(ints, tf.scalar(0.5)).dataSync()).toEqual(Float32Array.of(-1.5, 0, 1e9));
      const bools = tf.cast(tf.tensor1d([1, 0, 1], "bool"), "float32");
      expect(tf.sum(bools).dataSync()).toEqual(Float32Array.of(2));
      // tfjs's own one-hot leaves float32 numbers behind int32.
      const hot = tf.oneHot(tf.tensor1d([1, 0], "int32"), 2);
      expect(tf.transpose(hot).dataSync()).toEqual(Int32Array.of(0, 1, 1, 0));
    });
  });

  test("fill, zeros and ones of all dtypes", () => {
    for (const dtype of DTYPES) {
      expectMoved(() => tf.fill([2, 3], 1, dtype), { shape: [2, 3], values: [1, 1, 1, 1, 1, 1] }, dtype);
      const x = () => tensorOf(plain([3], 1, dtype), dtype);
      expectMoved(() => tf.zerosLike(x()), { shape: [3], values: [0, 0, 0] }, dtype);
      expectMoved(() => tf.onesLike(x()), { shape: [3], values: [1, 1, 1] }, dtype);
    }
  });

  test("reshape to what does not fit is tfjs's error", () => {
    tf.tidy(() => {
      expect(tf.reshape(tf.zeros([6]), [2, -1]).shape).toEqual([2, 3]);
      expect(() => tf.reshape(tf.zeros([6]), [4])).toThrow("must match the product of shape 4");
    });
  });

  test("a copy outlives the tensor that it was copied from", () => {
    const runs: ((x: tf.Tensor) => tf.Tensor)[] = [
      (x) => tf.slice(x, [1, 0], [1, 8]),
      (x) => tf.concat([x], 0),
      (x) => tf.transpose(x, [0, 1]),
      (x) => tf.tile(x, [1, 1]),
      (x) => tf.reshape(x, [16]),
      (x) => tf.gather(x, tf.tensor1d([1], "int32")),
    ];
    for (const run of runs) {
      const x = tf.tidy(() => tf.add(tf.ones([2, 8]), 1));
      const y = tf.tidy(() => run(x));
      x.dispose();
      // What takes the array of x again writes other numbers into it.
      const others = Array.from({ length: 8 }, () => tf.tidy(() => tf.mul(tf.ones([2, 8]), 7)));
      expect([...y.dataSync()].every((value) => value === 2)).toBe(true);
      tf.dispose([y, ...others]);
    }
  });
});
