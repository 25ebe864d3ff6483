/** Floats of 8 bits: codes and scales are those of compressed-tensors. */

import { fileURLToPath } from "node:url";
import { openSafetensors, toFloat32 } from "@mixtape/safetensors";
import { expect, test } from "vitest";
import { quantizingView } from "../src/encode/quantizing-view.js";

test("codes and scales are those of compressed-tensors, also of zeros and of tiny values", async () => {
  const path = fileURLToPath(new URL("__fixtures__/rounding/fp8.safetensors", import.meta.url));
  const file = await openSafetensors(path);
  const made = quantizingView(file.tensor("weight"), { type: "float", bits: 8, groupSize: "channel" });
  const { weight, scale } = made.quantized!.planes;
  expect([weight!.dtype, weight!.shape, scale!.dtype, scale!.shape]).toEqual(["F8_E4M3", [6, 40], "BF16", [6, 1]]);
  expect(await weight!.read()).toEqual(await file.tensor("stored").read());
  expect(await scale!.read()).toEqual(await file.tensor("scale").read());
  const values = toFloat32(await file.tensor("weight").read(), "F32");
  for (const [k, value] of toFloat32(await made.read(), "F32").entries()) {
    const row = values.subarray(40 * Math.floor(k / 40), 40 * (Math.floor(k / 40) + 1));
    const most = row.reduce((max, one) => Math.max(max, Math.abs(one)), 0);
    expect(Math.abs(value - values[k]!)).toBeLessThanOrEqual(Math.max(Math.abs(values[k]!) / 15, most / 448 / 1000));
  }
  await file.close();
});
