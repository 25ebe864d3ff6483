/** Weights decode to what the library of each method decodes them to. */

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openSafetensors, type TensorSource, toFloat32 } from "@mixtape/safetensors";
import { expect, test } from "vitest";
import { quantizedSource } from "../src/quantized-source.js";

const folder = fileURLToPath(new URL("__fixtures__", import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith(".safetensors"));

test.each(files)("%s", async (name) => {
  await using file = await openSafetensors(`${folder}/${name}`);
  const json = JSON.parse(file.metadata.quantization_config!) as Record<string, unknown>;
  const source = await quantizedSource(file, { json, where: "config.json: quantization_config" });
  const expected = file.names.filter((key) => key.startsWith("expected "));
  expect(expected.length).toBeGreaterThan(0);
  for (const key of expected) {
    const view = source.tensor(key.slice("expected ".length));
    const values = await floats(file, key);
    expect(view.shape).toEqual(file.tensor(key).shape);
    expect(toFloat32(await view.read(), view.dtype)).toEqual(values);
    const [rows] = view.shape;
    const each = values.length / rows!;
    const second = view.at(1);
    expect(toFloat32(await second.read(), second.dtype)).toEqual(values.subarray(each, 2 * each));
    const some = view.slice(1, 3);
    expect(toFloat32(await some.read(), some.dtype)).toEqual(values.subarray(each, 3 * each));
  }
  // Everything that the weights consist of is hidden.
  const weights = expected.map((key) => key.slice("expected ".length));
  expect([...source.names].sort()).toEqual([...expected, ...weights].sort());
});

async function floats(source: TensorSource, name: string): Promise<Float32Array> {
  const view = source.tensor(name);
  return toFloat32(await view.read(), view.dtype);
}
