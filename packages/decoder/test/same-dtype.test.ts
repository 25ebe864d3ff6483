import { encodeSafetensors, fromFloat32, openSafetensors, toFloat32 } from "@mixtape/safetensors";
import { expect, test } from "vitest";
import { sameDtype } from "../src/same-dtype.js";

const VALUES = Float32Array.of(1, -2, 0.5, 4, 8, -16);

async function views(...dtypes: ("F32" | "BF16" | "F16")[]) {
  const tensors = dtypes.map((dtype, i) => ({ name: `${i}`, dtype, shape: [3, 2], bytes: fromFloat32(VALUES, dtype) }));
  const file = await openSafetensors(await encodeSafetensors(tensors));
  return tensors.map(({ name }) => file.tensor(name));
}

test("views of one dtype stay as they are", async () => {
  const same = await views("BF16", "BF16");
  expect(sameDtype(same)).toBe(same);
});

test("views of several dtypes are decoded to float32, whole and in parts", async () => {
  for (const view of sameDtype(await views("BF16", "F32", "F16"))) {
    expect([view.dtype, view.shape, view.byteLength]).toEqual(["F32", [3, 2], 24]);
    expect(toFloat32(await view.read(), "F32")).toEqual(VALUES);
    expect(toFloat32(await view.slice(1, 3).read(), "F32")).toEqual(VALUES.subarray(2));
    expect(toFloat32(await view.at(2).read(), "F32")).toEqual(VALUES.subarray(4));
  }
});

test("they are saved in the dtype of all of them, or in float32", async () => {
  const [wide, narrow] = await views("F32", "BF16");
  const quantised = Object.assign(Object.create(wide!) as typeof wide & object, { savedAs: "BF16" as const });
  expect(sameDtype([quantised, narrow!]).map(({ savedAs }) => savedAs)).toEqual(["BF16", "BF16"]);
  expect(sameDtype([wide!, narrow!]).map(({ savedAs }) => savedAs)).toEqual(["F32", "F32"]);
});
