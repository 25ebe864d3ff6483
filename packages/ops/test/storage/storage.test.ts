/** Weights from the bytes of a file onto an engine and back. */

import {
  bytesPerElement,
  type Dtype,
  fromFloat32,
  type TensorView,
  toFloat32,
  viewOfBytes,
} from "@mixtape/safetensors";
import { memory } from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  disposeWeight,
  encodeWeight,
  FloatStorage,
  type FloatStorageOptions,
  logicalTensor,
  registerEngine,
  stackViews,
  storageOf,
  type WeightRole,
  type WeightView,
} from "../../src/index.js";
import { expectTensor } from "../support/close.js";
import { ENGINES, useBackend } from "../support/engines.js";
import { normal, sizeOf } from "../support/values.js";

const OPTIONS: readonly FloatStorageOptions[] = (["plain", "transposed"] as const).flatMap((matrices) =>
  (["apart", "together"] as const).map((stacks) => ({ matrices, stacks, copiesOfMatrices: 1 })),
);

const SHAPES: Readonly<Record<WeightRole, readonly number[]>> = {
  vector: [5],
  vectors: [3, 5],
  matrix: [3, 4],
  table: [4, 3],
  stack: [3, 2, 5],
};

const ROLES = Object.keys(SHAPES) as WeightRole[];
const DTYPES = ["F32", "BF16", "F16"] as const satisfies readonly Dtype[];

/** Any bits but those of NaN, of which there are many. */
function bytesOf(dtype: (typeof DTYPES)[number], length: number): fc.Arbitrary<Uint8Array> {
  const width = bytesPerElement(dtype);
  return fc
    .uint8Array({ minLength: length * width, maxLength: length * width })
    .filter((bytes) => !toFloat32(bytes.slice(), dtype).includes(Number.NaN));
}

/** The same stack as one tensor of a file, and as one tensor for each expert. */
function views(bytes: Uint8Array, dtype: Dtype, shape: readonly number[], role: WeightRole): WeightView[] {
  const whole = viewOfBytes("whole", dtype, shape, bytes);
  if (role !== "stack") return [whole];
  return [whole, stackViews(Array.from({ length: shape[0]! }, (_, e) => whole.at(e)))];
}

describe.each(ENGINES)("on %s", (engine) => {
  beforeAll(() => useBackend(engine));
  let before: ReturnType<typeof memory>;
  beforeEach(() => {
    before = memory();
  });

  describe.each(OPTIONS)("matrices $matrices, stacks $stacks", (options) => {
    const storage = new FloatStorage(options);

    test.each(ROLES.flatMap((role) => DTYPES.map((dtype) => ({ role, dtype }))))(
      "a $role of $dtype comes back bit by bit",
      async ({ role, dtype }) => {
        const shape = SHAPES[role];
        await fc.assert(
          fc.asyncProperty(bytesOf(dtype, sizeOf(shape)), async (bytes) => {
            for (const view of views(bytes, dtype, shape, role)) {
              const weight = await storage.place(view, role);
              expect(await encodeWeight(weight, dtype)).toEqual(bytes);
              disposeWeight(weight);
            }
          }),
          { numRuns: 20 },
        );
        expect(memory().numTensors).toBe(before.numTensors);
      },
    );

    test.each(ROLES)("a %s lies as it should, and takes the bytes that it is said to take", async (role) => {
      const shape = SHAPES[role];
      const { values } = normal(1, shape);
      const bytes = fromFloat32(values as Float32Array, "F32");
      for (const view of views(bytes, "F32", shape, role)) {
        const weight = await storage.place(view, role);
        const multiplied = role === "matrix" || role === "stack";
        const turned = multiplied && options.matrices === "transposed";
        const lying = turned ? [...shape.slice(0, -2), shape.at(-1), shape.at(-2)] : shape;
        const parts = role === "stack" && options.stacks === "apart" ? [3, lying.slice(1)] : [1, lying];
        expect(weight).toMatchObject({ role, shape, layout: turned ? "transposed" : "plain" });
        expect([weight.parts.length, weight.parts[0]!.shape]).toEqual(parts);
        expect(memory().numBytes - before.numBytes).toBe(storage.bytes(shape, role));
        const logical = logicalTensor(weight);
        expectTensor(logical, { shape, values }, { absolute: 0, relative: 0 });
        logical.dispose();
        disposeWeight(weight);
        expect(memory()).toMatchObject({ numTensors: before.numTensors, numBytes: before.numBytes });
      }
    });

    test("one matrix of a stack can be encoded alone", async () => {
      const bytes = fromFloat32(normal(1, SHAPES.stack).values as Float32Array, "F32");
      const weight = await storage.place(viewOfBytes("w", "F32", SHAPES.stack, bytes), "stack");
      const tensors = memory().numTensors;
      for (const e of [0, 1, 2])
        expect(await encodeWeight(weight, "F32", e)).toEqual(bytes.subarray(e * 40, e * 40 + 40));
      expect(memory().numTensors).toBe(tensors);
      disposeWeight(weight);
    });

    test.each(ROLES)("each byte of a %s is read once", async (role) => {
      const shape = SHAPES[role];
      const bytes = fromFloat32(normal(1, shape).values as Float32Array, "BF16");
      for (const view of views(bytes, "BF16", shape, role)) {
        const read: number[] = [];
        disposeWeight(await storage.place(watched(view, read), role));
        expect(read.reduce((sum, length) => sum + length, 0)).toBe(bytes.length);
      }
    });

    test("a stack whose file breaks off leaves nothing behind", async () => {
      const [one, two] = [1, 2].map((seed) =>
        viewOfBytes(`expert ${seed}`, "F32", [2, 2], fromFloat32(normal(seed, [2, 2]).values as Float32Array, "F32")),
      );
      const broken: TensorView = { ...two!, read: () => Promise.reject(new Error("the file ended")) };
      const view = stackViews([one!, { ...two!, name: "expert 2", shape: [2, 2], dtype: "F32", read: broken.read }]);
      await expect(storage.place(view, "stack")).rejects.toThrow("the file ended");
      expect(memory().numTensors).toBe(before.numTensors);
    });
  });

  test("of other dtypes, values become the nearest float32", async () => {
    const storage = new FloatStorage(OPTIONS[0]!);
    const view = viewOfBytes("w", "I64", [3], new Uint8Array(BigInt64Array.of(-1n, 0n, 16777217n).buffer));
    const weight = await storage.place(view, "vector");
    expect([...(await weight.parts[0]!.data())]).toEqual([-1, 0, 16777216]);
    disposeWeight(weight);
  });
});

test("a second copy counts where an engine makes one: of what it multiplies by", () => {
  const storage = new FloatStorage({ matrices: "plain", stacks: "apart", copiesOfMatrices: 2 });
  const bytes = ROLES.map((role) => storage.bytes(SHAPES[role], role));
  expect(bytes).toEqual([4 * 5, 4 * 15, 2 * 4 * 12, 4 * 12, 2 * 4 * 30]);
});

describe("the storage of an engine", () => {
  test.each([
    ["cpu", "float32, matrices as in the file, experts apart", 48],
    ["wasm", "float32, matrices transposed, experts apart", 96],
    ["tensorflow", "float32, matrices transposed, experts apart", 48],
    ["webgpu", "float32, matrices transposed, experts together", 48],
  ])("%s: %s", (engine, description, bytes) => {
    expect(storageOf(engine).description).toBe(description);
    expect(storageOf(engine).bytes([3, 4], "matrix", "BF16")).toBe(bytes);
  });

  test("is that of the engine in use where none is named", async () => {
    await useBackend("cpu");
    expect(storageOf()).toBe(storageOf("cpu"));
  });

  test("can be replaced by who offers the engine", () => {
    const own = new FloatStorage({ matrices: "plain", stacks: "together", copiesOfMatrices: 1 });
    registerEngine("an-engine-of-a-test", { storage: own });
    expect(storageOf("an-engine-of-a-test")).toBe(own);
  });
});

/** A view that notes how many bytes each read gives. */
function watched(view: WeightView, read: number[]): WeightView {
  if ("views" in view) return { ...view, views: view.views.map((one) => watched(one, read) as TensorView) };
  return {
    name: view.name,
    dtype: view.dtype,
    shape: view.shape,
    byteLength: view.byteLength,
    read: async () => {
      const bytes = await view.read();
      read.push(bytes.length);
      return bytes;
    },
    slice: (start, end) => watched(view.slice(start, end), read) as TensorView,
    at: (index) => watched(view.at(index), read) as TensorView,
  };
}
