/** Quantised weights on the engine: as they are stored in a file, with the numbers that their formats decode to. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeWeight, linear, stackViews, storageOf, type Weight, type WeightView } from "@mixtape/ops";
import { GGML_FORMATS, quantizedSource } from "@mixtape/quantization";
import {
  encodeSafetensors,
  fromFloat32,
  openSafetensors,
  quantizedView,
  type TensorSource,
  type TensorView,
  toFloat32,
  viewOfBytes,
} from "@mixtape/safetensors";
import { matMul, setBackend, tensor2d, tensor3d } from "@tensorflow/tfjs-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { registerNative } from "../src/index.js";
import { nativeOrNothing } from "./support/native.js";

const ROWS = 5;
const COLUMNS = 256;

let seed = 1;
function random(): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
}

/** Random blocks whose float16 scales are finite: the high byte of every number is small enough. */
function randomBlocks(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, () => Math.floor(random() * 256) & 0x3f);
}

const isMapped = (path: string): boolean => readFileSync("/proc/self/maps", "utf8").includes(path);

describe.runIf(nativeOrNothing()).each([true, false])("quantised weights, mmap: %s", (mmap) => {
  const folder = mkdtempSync(join(tmpdir(), "mixtape-quantized-"));
  const placed: Weight[] = [];
  const sources: TensorSource[] = [];

  beforeAll(async () => {
    registerNative();
    await setBackend("native");
    registerNative({ mmap, precision: "float32" });
  });
  afterAll(() => {
    registerNative();
    rmSync(folder, { recursive: true });
  });
  afterEach(async () => {
    for (const source of sources.splice(0)) await source.close();
    for (const weight of placed.splice(0)) disposeWeight(weight);
  });

  async function place(view: WeightView, role: "matrix" | "stack"): Promise<Weight> {
    const weight = await storageOf().place(view, role);
    placed.push(weight);
    return weight;
  }
  async function open(path: string): Promise<TensorSource> {
    const source = await openSafetensors(path);
    sources.push(source);
    return source;
  }
  const floats = async (view: TensorView): Promise<Float32Array> => toFloat32(await view.read(), view.dtype);

  test.each(GGML_FORMATS.map((format) => [format.name, format] as const))("%s", async (name, format) => {
    const path = join(folder, `${name}.safetensors`);
    const perRow = (COLUMNS / format.blockSize) * format.blockBytes;
    const bytes = randomBlocks(2 * ROWS * perRow);
    writeFileSync(path, await encodeSafetensors([{ name: "w", dtype: "U8", shape: [2, ROWS, perRow], bytes }]));
    const view = quantizedView({
      name: "w",
      shape: [2, ROWS, COLUMNS],
      savedAs: "BF16",
      format,
      planes: { weight: (await open(path)).tensor("w") },
    });
    const expected = await floats(view);
    expect(expected.every(Number.isFinite)).toBe(true);
    const stack = await place(view, "stack");
    close(stack.parts[0]!.dataSync<"float32">(), expected);
    // Experts of separate tensors are one stack too, and rows of one are a matrix.
    const apart = await place(stackViews([view.at(1), view.at(0)]), "stack");
    const half = expected.length / 2;
    close(apart.parts[0]!.dataSync<"float32">().subarray(half), expected.subarray(0, half));
    const some = await place(view.at(1).slice(1, 4), "matrix");
    close(some.parts[0]!.dataSync<"float32">(), expected.subarray(half + COLUMNS, half + 4 * COLUMNS));
    if (process.platform === "linux") expect(isMapped(path)).toBe(mmap);

    const x = Array.from({ length: 3 }, () => Array.from({ length: COLUMNS }, () => random() - 0.5));
    const input = tensor2d(x);
    const y = linear(input, some);
    const rows = await y.array();
    for (const [t, row] of (rows as number[][]).entries())
      for (const [n, value] of row.entries()) {
        let sum = 0;
        let size = 0;
        for (let k = 0; k < COLUMNS; k++) {
          const term = x[t]![k]! * expected[half + (n + 1) * COLUMNS + k]!;
          sum += term;
          size += Math.abs(term);
        }
        expect(Math.abs(value - sum)).toBeLessThanOrEqual(1e-4 * size + 1e-30);
      }
    input.dispose();
    y.dispose();
  });

  test("products of matrices, either side quantised and transposed or not", async () => {
    const format = GGML_FORMATS.find(({ name }) => name === "Q8_0")!;
    const planes = (rows: number, columns: number) => {
      const perRow = (columns / format.blockSize) * format.blockBytes;
      return { weight: viewOfBytes("w", "U8", [2, rows, perRow], randomBlocks(2 * rows * perRow)) };
    };
    for (const [transposeA, transposeB] of [
      [false, true],
      [false, false],
      [true, false],
      [true, true],
    ] as const) {
      const [m, depth, n] = [32, 64, 96];
      const shapeA: [number, number] = transposeA ? [depth, m] : [m, depth];
      const shapeB: [number, number] = transposeB ? [n, depth] : [depth, n];
      const view = (shape: [number, number]) =>
        quantizedView({ name: "w", shape: [2, ...shape], savedAs: "BF16", format, planes: planes(...shape) });
      const [viewA, viewB] = [view(shapeA), view(shapeB)];
      const [a, b] = [await place(viewA, "stack"), await place(viewB, "stack")];
      const plainA = tensor3d(await floats(viewA), [2, ...shapeA]);
      const plainB = tensor3d(await floats(viewB), [2, ...shapeB]);
      const expected = matMul(plainA, plainB, transposeA, transposeB);
      for (const [x, w] of [
        [plainA, b.parts[0]!],
        [a.parts[0]!, plainB],
        [a.parts[0]!, b.parts[0]!],
      ]) {
        const y = matMul(x!, w!, transposeA, transposeB);
        const [got, wanted] = [await y.data(), await expected.data()];
        const largest = Math.max(...wanted.map(Math.abs));
        for (const [i, value] of got.entries()) expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-5 * largest);
        y.dispose();
      }
      for (const tensor of [plainA, plainB, expected]) tensor.dispose();
    }
  });

  const packed = [
    ["4 bits, groups of 32", { num_bits: 4, strategy: "group", group_size: 32 }, true],
    ["8 bits, groups of 64", { num_bits: 8, strategy: "group", group_size: 64 }, true],
    ["4 bits by channel", { num_bits: 4, strategy: "channel" }, true],
    ["groups that are no multiple of 32", { num_bits: 4, strategy: "group", group_size: 16 }, false],
    ["3 bits", { num_bits: 3, strategy: "group", group_size: 32 }, false],
  ] as const;

  test.each(packed)("packed integers: %s", async (name, weights, isKept) => {
    const path = join(folder, `${name.replaceAll(" ", "-")}.safetensors`);
    const { num_bits: bits } = weights;
    const groups = "group_size" in weights ? COLUMNS / weights.group_size : 1;
    const words = (COLUMNS * bits) / 32;
    const scales = Float32Array.from({ length: ROWS * groups }, () => 0.01 + random());
    const codes = Uint8Array.from({ length: ROWS * words * 4 }, () => Math.floor(random() * 256));
    const file = await encodeSafetensors([
      { name: "w.weight_packed", dtype: "I32", shape: [ROWS, words], bytes: codes },
      { name: "w.weight_scale", dtype: "BF16", shape: [ROWS, groups], bytes: fromFloat32(scales, "BF16") },
      { name: "w.weight_shape", dtype: "I64", shape: [2], bytes: fromFloat32(Float32Array.of(ROWS, COLUMNS), "I64") },
    ]);
    writeFileSync(path, file);
    const json = {
      quant_method: "compressed-tensors",
      format: "pack-quantized",
      config_groups: { all: { targets: ["Linear"], weights } },
    };
    const source = await quantizedSource(await open(path), { json, where: "config.json" });
    const view = source.tensor("w.weight");
    const matrix = await place(view, "matrix");
    close(matrix.parts[0]!.dataSync<"float32">(), await floats(view));
    if (process.platform === "linux") expect(isMapped(path)).toBe(mmap && isKept);
  });
});

/** Equal but for the last bits: a format may multiply in another order. */
function close(got: Float32Array, expected: Float32Array): void {
  expect(got.length).toBe(expected.length);
  const wrong = got.findIndex((value, i) => !(Math.abs(value - expected[i]!) <= 1e-6 * Math.abs(expected[i]!) + 1e-5));
  expect(wrong === -1 ? "" : `${wrong}: ${got[wrong]} instead of ${expected[wrong]}`).toBe("");
}
