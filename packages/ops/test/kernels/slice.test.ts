import { add, concat, memory, slice, stack, type Tensor, tensor, unstack } from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { useBackend } from "../support/engines.js";

beforeAll(() => useBackend("cpu"));

/** A shape of 2 to 4 axes with a part of it. */
const part = fc
  .array(
    fc
      .integer({ min: 1, max: 5 })
      .chain((n) =>
        fc
          .integer({ min: 0, max: n - 1 })
          .chain((begin) =>
            fc.record({ n: fc.constant(n), begin: fc.constant(begin), size: fc.integer({ min: 1, max: n - begin }) }),
          ),
      ),
    { minLength: 2, maxLength: 4 },
  )
  .map((axes) => ({
    shape: axes.map(({ n }) => n),
    begin: axes.map(({ begin }) => begin),
    size: axes.map(({ size }) => size),
  }));

test("a slice of cpu is what its indices say", () => {
  fc.assert(
    fc.property(part, fc.constantFrom("float32" as const, "int32" as const), ({ shape, begin, size }, dtype) => {
      const count = shape.reduce((product, n) => product * n, 1);
      const values = Array.from({ length: count }, (_, i) => i + 1);
      const x = tensor(values, shape, dtype);
      const before = memory().numTensors;
      const y = slice(x, begin, size);
      expect(memory().numTensors).toBe(before + 1);
      expect([y.shape, y.dtype]).toEqual([size, dtype]);
      expect([...y.dataSync()]).toEqual(expected(values, shape, begin, size));
      x.dispose();
      y.dispose();
    }),
  );
});

test("what comes after a slice reads it right", () => {
  const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
  const right = slice(x, [0, 1], [2, 2]);
  expect([...concat([right, right], 0).dataSync()]).toEqual([2, 3, 5, 6, 2, 3, 5, 6]);
  expect([...add(right, 1).dataSync()]).toEqual([3, 4, 6, 7]);
  expect([...(stack(unstack(right as Tensor, 1)) as Tensor).dataSync()]).toEqual([2, 5, 3, 6]);
});

function expected(values: number[], shape: number[], begin: number[], size: number[]): number[] {
  if (shape.length === 0) return values;
  const inner = values.length / shape[0]!;
  return Array.from({ length: size[0]! }, (_, i) => (begin[0]! + i) * inner).flatMap((from) =>
    expected(values.slice(from, from + inner), shape.slice(1), begin.slice(1), size.slice(1)),
  );
}
