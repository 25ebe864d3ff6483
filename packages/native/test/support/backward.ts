/** The way back by this engine's own kernels. */

import {
  ACTIVATIONS,
  AttentionMask,
  attention,
  clampedSwiglu,
  crossEntropy,
  experts,
  gate,
  gatedMlp,
  gelu,
  gradientsOf,
  linear,
  projectHeads,
  rmsNorm,
  rotary,
  silu,
  storageOf,
  type Weight,
} from "@mixtape/ops";
import { type Dtype, fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import {
  add,
  getKernelsForBackend,
  registerKernel,
  slice,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tensor,
  tensor1d,
  tensor2d,
  unregisterKernel,
} from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { addon } from "../../src/addon.js";
import { registerNative } from "../../src/index.js";
import { normal, numbersOf } from "./numbers.js";

/** Runs `f` as if this engine had no kernels of the way back: gradients are those of compositions. */
function withoutBack<T>(f: () => T): T {
  const kernels = getKernelsForBackend("native").filter(({ kernelName }) => /^Mixtape.*Back$/.test(kernelName));
  expect(kernels.length).toBeGreaterThan(0);
  for (const { kernelName, backendName } of kernels) unregisterKernel(kernelName, backendName);
  try {
    return f();
  } finally {
    for (const kernel of kernels) registerKernel(kernel);
  }
}

/** Whether all are the same within `tolerance` of the largest. */
function expectClose(given: Float32Array[], expected: Float32Array[], tolerance: number): void {
  expect(given.length).toBe(expected.length);
  for (const [part, values] of expected.entries()) {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
    let off = 0;
    values.forEach((value, i) => {
      off = Math.max(off, Math.abs(given[part]![i]! - value) / largest || 0);
      if (!Number.isFinite(given[part]![i])) off = Number.POSITIVE_INFINITY;
    });
    expect({ part, off: off <= tolerance ? 0 : off }).toEqual({ part, off: 0 });
  }
}

/** Gradients of `f` by `xs`, given a fixed one of its value. */
function gradientsNow(f: () => Tensor, xs: readonly Tensor[]): Float32Array[] {
  return numbersOf(() => {
    const { shape, size } = f();
    return gradientsOf(f, xs, tensor(normal(size, 99), shape));
  });
}

/** By kernels of the way back, and by compositions. */
function expectSameGradients(f: () => Tensor, xs: readonly Tensor[], tolerance = 1e-5): void {
  const expected = withoutBack(() => gradientsNow(f, xs));
  expectClose(gradientsNow(f, xs), expected, tolerance);
}

/** Attention over positions that hold documents of some lengths, and padding at their end. */
interface AttentionCase {
  readonly rows: number;
  readonly heads: number;
  readonly groups: number;
  readonly queries: number;
  readonly keys: number;
  readonly window?: number;
  readonly texts?: readonly number[];
  readonly padding?: number;
}

const placed: Tensor[] = [];

function held<T extends Tensor>(shape: number[], seed: number, scale = 1): T {
  const size = shape.reduce((product, n) => product * n, 1);
  const made = tensor(normal(size, seed, scale), shape) as T;
  placed.push(made);
  return made;
}

/** A weight of a storage format of this engine. */
async function stored(shape: number[], seed: number, dtype: Dtype): Promise<Weight> {
  const size = shape.reduce((product, n) => product * n, 1);
  const view = viewOfBytes("w", dtype, shape, fromFloat32(normal(size, seed, 0.3), dtype));
  const weight = await storageOf().place(view, shape.length === 3 ? "stack" : "matrix");
  placed.push(...weight.parts);
  return weight;
}

/** Gradients by this engine's kernels against those of compositions. */
export function backwardTests(): void {
  afterAll(() => {
    for (const tensor of placed.splice(0)) tensor.dispose();
  });

  // In bfloat16 activations are rounded where they meet weights: the composition rounds none.
  describe.each([
    ["F32", "bfloat16", 2e-5],
    ["F16", "bfloat16", 2e-5],
    ["BF16", "float32", 2e-5],
    ["BF16", "bfloat16", 2e-2],
  ] as const)("through frozen weights in %s, activations in %s", (dtype, precision, tolerance) => {
    beforeAll(() => void registerNative({ precision }));
    afterAll(() => void registerNative());

    test.each([
      [1, 5, 7],
      [33, 70, 129],
      [70, 600, 1100],
    ])("linear: %d rows, [%d, %d]", async (rows, out, width) => {
      const weight = await stored([out, width], 1, dtype);
      const x = held([rows, width], 2);
      expectSameGradients(() => linear(x, weight), [x], tolerance);
    });

    test("a gated MLP", async () => {
      const [gate, up] = [await stored([70, 40], 1, dtype), await stored([70, 40], 2, dtype)];
      const down = await stored([40, 70], 3, dtype);
      const x = held([2, 19, 40], 4);
      expectSameGradients(() => gatedMlp(x, { gate, up, down }, silu), [x], tolerance);
    });

    test.each([
      [1, 2],
      [90, 3],
    ])("experts: %d tokens, %d choices", async (tokens, k) => {
      const stacks = {
        gate: await stored([5, 70, 140], 1, dtype),
        up: await stored([5, 70, 140], 2, dtype),
        down: await stored([5, 140, 70], 3, dtype),
      };
      const x = held<Tensor2D>([tokens, 140], 4);
      const weights = held<Tensor2D>([tokens, k], 5);
      // One expert is never chosen.
      const chosen = Int32Array.from({ length: tokens * k }, (_, i) => (Math.floor(i / k) + (i % k)) % 4);
      const indices = tensor2d(chosen, [tokens, k], "int32");
      placed.push(indices);
      expectSameGradients(() => experts({ x, indices, weights }, stacks, silu), [x, weights], tolerance);
    });

    test("projections of heads", async () => {
      const [q, k, v] = [
        await stored([96, 50], 1, dtype),
        await stored([32, 50], 2, dtype),
        await stored([32, 50], 3, dtype),
      ];
      const x = held<Tensor3D>([2, 9, 50], 4);
      const project = () => {
        const [queries, keys, values] = projectHeads(x, { q: { weight: q }, k: { weight: k }, v: { weight: v } }, 16);
        return add(add(queries, slice(keys, [0, 0, 0, 0], [2, 1, 9, 16])), slice(values, [0, 1, 0, 0], [2, 1, 9, 16]));
      };
      expectSameGradients(project, [x], tolerance);
    });
  });

  test("weights that train, through the MLP and experts", () => {
    const matrix = (tensor: Tensor): Weight => ({
      role: tensor.rank === 3 ? "stack" : "matrix",
      shape: tensor.shape,
      layout: "plain",
      parts: [tensor],
    });
    const x = held<Tensor2D>([90, 40], 1);
    const [gate, up, down] = [held([70, 40], 2, 0.3), held([70, 40], 3, 0.3), held([40, 70], 4, 0.3)];
    const mlp = { gate: matrix(gate), up: matrix(up), down: matrix(down) };
    expectSameGradients(() => gatedMlp(x, mlp, gelu), [x, gate, up, down]);
    const own = {
      gateBias: held<Tensor1D>([70], 13),
      upBias: held<Tensor1D>([70], 14),
      downBias: held<Tensor1D>([40], 15),
    };
    expectSameGradients(() => gatedMlp(x, { ...mlp, ...own }, gelu), [x, gate, up, down, ...Object.values(own)]);
    const stacks = [held([5, 70, 40], 5, 0.3), held([5, 70, 40], 6, 0.3), held([5, 40, 70], 7, 0.3)] as const;
    const routed = { gate: matrix(stacks[0]), up: matrix(stacks[1]), down: matrix(stacks[2]) };
    const weights = held<Tensor2D>([90, 2], 8);
    const indices = tensor2d(
      Int32Array.from({ length: 180 }, (_, i) => (i * 3) % 4),
      [90, 2],
      "int32",
    );
    placed.push(indices);
    expectSameGradients(() => experts({ x, indices, weights }, routed, silu), [x, weights, ...stacks]);
    const biases = {
      gateBias: held<Tensor2D>([5, 70], 10),
      upBias: held<Tensor2D>([5, 70], 11),
      downBias: held<Tensor2D>([5, 40], 12),
    };
    const gating = clampedSwiglu({ limit: 1.3, alpha: 1.702 });
    const fewer = tensor2d(
      indices.dataSync().map((expert, i) => (i % 5 < 2 ? -1 : expert)),
      [90, 2],
      "int32",
    );
    placed.push(fewer);
    const all = [x, weights, ...stacks, ...Object.values(biases)];
    for (const own of [indices, fewer])
      expectSameGradients(() => experts({ x, indices: own, weights }, { ...routed, ...biases }, gating), all);
    const bias = held<Tensor1D>([70], 9);
    expectSameGradients(() => linear(x, matrix(gate), bias), [x, gate, bias]);
  });

  test("gates, norms and positions", () => {
    const [a, b] = [held([7, 1003], 1, 3), held([7, 1003], 2)];
    for (const gating of [...ACTIVATIONS, clampedSwiglu({ limit: 1.3, alpha: 1.702 })]) {
      expectSameGradients(() => gate(a, b, gating), [a, b]);
      expectSameGradients(() => gate(a, b, gating), [b]);
    }
    const [x, scale, residual] = [held([300, 257], 3), held<Tensor1D>([257], 4), held([300, 257], 5)];
    expectSameGradients(() => rmsNorm(x, scale, 1e-5, residual), [x, scale, residual]);
    expectSameGradients(() => rmsNorm(x, scale, 1e-5), [x]);
    expectSameGradients(() => rmsNorm(x, scale, 1e-5), [scale]);
    // Tables whose halves are not alike.
    const tables = { cos: held<Tensor3D>([2, 5, 24], 6), sin: held<Tensor3D>([2, 5, 24], 7) };
    const heads = held<Tensor4D>([2, 3, 5, 33], 8);
    for (const interleaved of [false, true]) {
      expectSameGradients(() => rotary(heads, tables, { interleaved }), [heads]);
      expectSameGradients(() => rotary(heads, tables, { interleaved }), [heads, tables.cos, tables.sin]);
    }
  });

  // More queries than are held at a time; few lanes, and enough for all threads; rows of several texts, a window, padding.
  test.each([
    ["causal", { rows: 1, heads: 3, groups: 1, queries: 130, keys: 130 }],
    ["many lanes", { rows: 5, heads: 4, groups: 2, queries: 33, keys: 33, window: 7 }],
    ["after positions before", { rows: 2, heads: 2, groups: 2, queries: 100, keys: 211, window: 50 }],
    ["packed", { rows: 2, heads: 4, groups: 2, queries: 150, keys: 150, texts: [40, 3, 57, 1, 60] }],
    [
      "packed and padded",
      { rows: 2, heads: 4, groups: 2, queries: 150, keys: 150, window: 20, texts: [90, 31], padding: 9 },
    ],
  ] as [string, AttentionCase][])(
    "attention: %s",
    (_, { rows, heads, groups, queries, keys, window, texts, padding }) => {
      const [q, k] = [held<Tensor4D>([rows, heads, queries, 24], 1), held<Tensor4D>([rows, groups, keys, 24], 2)];
      // As wide as keys, narrower as in latent attention, and wider.
      const values = [24, 16, 37].map((width) => held<Tensor4D>([rows, groups, keys, width], 3));
      const ends = texts?.map((_, i) => texts.slice(0, i + 1).reduce((sum, length) => sum + length, 0));
      const textOf = (position: number) => ends!.findIndex((end) => position < end);
      const documentIds = texts && {
        rows,
        values: Int32Array.from({ length: rows * keys }, (_, i) => textOf(i % keys)),
      };
      // Also some that nobody but themselves sees.
      const isToken = (i: number) => Number(i % keys < keys - padding! && i % 11 !== 0);
      const keyPadding = padding
        ? { rows, values: Uint8Array.from({ length: rows * keys }, (_, i) => isToken(i)) }
        : null;
      const mask = new AttentionMask({
        queries,
        keys,
        window: window ?? null,
        documentIds: documentIds ?? null,
        keyPadding,
      });
      // What the mask makes on demand is its own.
      for (const made of [() => mask.additive(), () => mask.padding(), () => mask.starts()]) made();
      // Queries that see nothing attend evenly, and have gradients by their scores, as in the reference.
      const kernel = vi.spyOn(addon(), "attentionBack");
      for (const v of values) expectSameGradients(() => attention(q, k, v, mask, 0.2), [q, k, v]);
      expectSameGradients(() => attention(q, k, values[1]!, mask, 0.2), [k]);
      expect(kernel).toHaveBeenCalledTimes(values.length + 1);
      kernel.mockRestore();
      mask.dispose();
    },
  );

  test("cross-entropy", () => {
    const logits = held<Tensor2D>([37, 1003], 1, 4);
    const targets = tensor1d(
      Int32Array.from({ length: 37 }, (_, i) => (i * 311) % 1003),
      "int32",
    );
    placed.push(targets);
    expectSameGradients(() => crossEntropy(logits, targets), [logits]);
    expect(() => crossEntropy(logits, tensor1d(new Int32Array(37).fill(1003), "int32"))).toThrow("targets");
  });
}
