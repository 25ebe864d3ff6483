/** Rounding with error feedback: the values of llm-compressor's GPTQ, and what its Hessians may be. */

import { fileURLToPath } from "node:url";
import { fromFloat32, openSafetensors, toFloat32, viewOfBytes } from "@mixtape/safetensors";
import { beforeAll, expect, test } from "vitest";
import { quantizeWithFeedback } from "../src/encode/calibrated-rows.js";
import { feedbackOf, type Hessian } from "../src/encode/hessian.js";
import { quantizeCalibrated } from "../src/encode/quantize-calibrated.js";
import { quantizingView } from "../src/encode/quantizing-view.js";
import { QuantizationError } from "../src/errors.js";

const [ROWS, COLUMNS, GROUP] = [10, 64, 16];
/** From left to right. */
const ORDER = Array.from({ length: COLUMNS }, (_, i) => i);
const golden: Record<string, Float32Array> = {};

beforeAll(async () => {
  const file = await openSafetensors(fileURLToPath(new URL("__fixtures__/rounding/gptq.safetensors", import.meta.url)));
  for (const name of file.names) golden[name] = toFloat32(await file.tensor(name).read(), "F32");
  await file.close();
});

test("with the scales of llm-compressor, all values are its values", () => {
  const codes = new Int8Array(ROWS * COLUMNS);
  const scales = new Uint16Array((ROWS * COLUMNS) / GROUP);
  const { weight, scale, quantized } = golden as Record<"weight" | "scale" | "quantized", Float32Array>;
  const feedback = feedbackOf("w", hessianOf(golden["hessian"]!), ORDER);
  quantizeWithFeedback(weight, { bits: 4, groupSize: GROUP }, feedback, { codes, scales }, (...[, , , i]) => scale[i]!);
  const values = Float32Array.from(codes, (code, k) => code * scale[Math.floor(k / GROUP)]! + 0);
  expect(values).toEqual(quantized.map((value) => value + 0)); // zeros have signs there
  expect(toFloat32(new Uint8Array(scales.buffer), "BF16")).toEqual(scale);
});

test("with scales of its own, the error of outputs is below llm-compressor's", async () => {
  const own = await quantized(golden["hessian"]);
  expect(outputError(own)).toBeLessThan(outputError(golden["quantized"]!));
  expect(outputError(own)).toBeLessThan(outputError(await quantized(undefined)) / 2);
});

test("inputs without correlations give the values of plain rounding, as do inputs of zeros", async () => {
  const plain = await quantized(undefined);
  const diagonal = Float32Array.from({ length: COLUMNS ** 2 }, (_, i) => (i % (COLUMNS + 1) === 0 ? 3 : 0));
  expect(await quantized(diagonal)).toEqual(plain);
  expect(await quantized(new Float32Array(COLUMNS ** 2))).toEqual(plain);
});

test("a Hessian of one input is damped until it is positive", async () => {
  const input = Float64Array.from({ length: COLUMNS }, (_, i) => Math.sin(i));
  const ranked = Float32Array.from(
    { length: COLUMNS ** 2 },
    (_, i) => input[Math.floor(i / COLUMNS)]! * input[i % COLUMNS]!,
  );
  expect((await quantized(ranked)).every(Number.isFinite)).toBe(true);
});

test("refused Hessians", () => {
  const values = golden["hessian"]!.slice();
  values[0] = Number.NaN;
  expect(() => feedbackOf("w", hessianOf(values), ORDER)).toThrow("w: expected finite inputs in calibration");
  const negative = golden["hessian"]!.map((value) => -value);
  expect(() => feedbackOf("w", hessianOf(negative), ORDER)).toThrow(QuantizationError);
});

function hessianOf(values: Float32Array): Hessian {
  return { values, columns: COLUMNS };
}

/** @param hessian undefined for plain rounding */
async function quantized(hessian: Float32Array | undefined): Promise<Float32Array> {
  const view = viewOfBytes("w", "F32", [ROWS, COLUMNS], fromFloat32(golden["weight"]!, "F32"));
  const made = quantizingView(view, { type: "int", bits: 4, groupSize: GROUP }, (matrix, layout) =>
    quantizeCalibrated(matrix, layout, hessian && hessianOf(hessian)),
  );
  return toFloat32(await made.read(), "F32");
}

/** Squared error of the outputs of all rows. */
function outputError(values: Float32Array): number {
  const { weight, hessian } = golden as Record<"weight" | "hessian", Float32Array>;
  let sum = 0;
  for (let row = 0; row < ROWS; row++) {
    const error = Float64Array.from(
      { length: COLUMNS },
      (_, k) => values[row * COLUMNS + k]! - weight[row * COLUMNS + k]!,
    );
    for (let i = 0; i < COLUMNS; i++)
      for (let j = 0; j < COLUMNS; j++) sum += error[i]! * hessian[i * COLUMNS + j]! * error[j]!;
  }
  return sum;
}
