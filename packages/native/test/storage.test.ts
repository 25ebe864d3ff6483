import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeWeight, storageOf, type Weight } from "@mixtape/ops";
import {
  type Dtype,
  encodeSafetensors,
  fromFloat32,
  openSafetensors,
  SafetensorsReadError,
  type TensorSource,
  type TensorView,
  viewOfBytes,
} from "@mixtape/safetensors";
import { setBackend } from "@tensorflow/tfjs-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NativeError, registerNative } from "../src/index.js";
import { nativeOrNothing } from "./support/native.js";

const ROWS = 6;
const COLUMNS = 5;
/** Exact in every format. */
const numbers = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => (i - 12) / 4);

const whole = numbers.map((x) => Math.round(x) + 0);

const isMapped = (path: string) =>
  readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => line.endsWith(path)).length;

describe.runIf(nativeOrNothing()).each([true, false])("weights, mmap: %s", (mmap) => {
  let folder: string;
  let path: string;
  const placed: Weight[] = [];
  const sources: TensorSource[] = [];

  beforeAll(async () => {
    registerNative();
    await setBackend("native");
    registerNative({ mmap });
  });
  afterAll(() => registerNative());

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "mixtape-storage-"));
    path = join(folder, "model.safetensors");
    const tensors = (["F32", "BF16", "F16", "F64", "I32"] as const).map((dtype) => ({
      name: dtype,
      dtype,
      shape: [ROWS, COLUMNS],
      bytes: fromFloat32(dtype === "I32" ? whole : numbers, dtype),
    }));
    const stack = {
      name: "stack",
      dtype: "BF16" as const,
      shape: [2, 3, COLUMNS],
      bytes: fromFloat32(numbers, "BF16"),
    };
    writeFileSync(path, await encodeSafetensors([...tensors, stack]));
  });
  afterEach(async () => {
    for (const source of sources.splice(0)) await source.close();
    for (const weight of placed.splice(0)) disposeWeight(weight);
    rmSync(folder, { recursive: true });
  });

  async function place(view: TensorView, role: "matrix" | "stack" = "matrix"): Promise<Weight> {
    const weight = await storageOf().place(view, role);
    placed.push(weight);
    return weight;
  }
  const valuesOf = (weight: Weight) => weight.parts[0]!.dataSync();

  async function view(name: string): Promise<TensorView> {
    const source = await openSafetensors(path);
    sources.push(source);
    return source.tensor(name);
  }

  test.each(["F32", "BF16", "F16", "F64", "I32"] satisfies Dtype[])("%s is what it is in the file", async (dtype) => {
    const expected = dtype === "I32" ? whole : numbers;
    expect(valuesOf(await place(await view(dtype)))).toEqual(expected);
  });

  test("a stack is one weight, of views that lie apart too", async () => {
    expect(valuesOf(await place(await view("stack"), "stack"))).toEqual(numbers);
  });

  test.runIf(process.platform === "linux")("a file is mapped once, or not at all", async () => {
    const source = await openSafetensors(path);
    for (const dtype of ["F32", "BF16", "F16"]) await place(source.tensor(dtype));
    await place(source.tensor("stack"), "stack");
    await source.close();
    expect(isMapped(path)).toBe(mmap ? 1 : 0);
  });

  test("what the file's name means later does not matter", async () => {
    const weight = await place(await view("BF16"));
    const other = `${path}.new`;
    writeFileSync(other, new Uint8Array(readFileSync(path).length));
    renameSync(other, path);
    expect(valuesOf(weight)).toEqual(numbers);
    rmSync(path);
    expect(valuesOf(weight)).toEqual(numbers);
  });

  test("a file that became shorter before it is used is refused", async () => {
    const late = await view("F32");
    const length = late.location!.offset + 8;
    truncateSync(path, length);
    await expect(place(late)).rejects.toThrow(mmap ? NativeError : SafetensorsReadError);
    if (mmap) await expect(place(late)).rejects.toThrow(`expected bytes inside of the file's ${length}, got`);
  });

  test.runIf(!mmap)("a file that becomes shorter afterwards does no harm", async () => {
    const weight = await place(await view("BF16"));
    truncateSync(path, 10);
    expect(valuesOf(weight)).toEqual(numbers);
  });

  test("a tensor that does not lie at a multiple of its element is copied", async () => {
    const odd = `${path}.odd`;
    const bytes = await encodeSafetensors([
      { name: "x", dtype: "BF16", shape: [ROWS, COLUMNS], bytes: fromFloat32(numbers, "BF16") },
    ]);
    // One byte before everything, as another format may have it.
    writeFileSync(odd, Buffer.concat([Buffer.of(0), bytes]));
    const inner = viewOfBytes("x", "BF16", [ROWS, COLUMNS], fromFloat32(numbers, "BF16"));
    const location = { path: odd, offset: bytes.length + 1 - 2 * numbers.length, length: 2 * numbers.length };
    const shifted = Object.create(inner, {
      location: { value: location },
      read: { value: () => inner.read() },
    }) as TensorView;
    expect(location.offset % 2).toBe(1);
    expect(valuesOf(await place(shifted))).toEqual(numbers);
    expect(process.platform === "linux" ? isMapped(odd) : 0).toBe(0);
  });

  test("two files of the same bytes are two", async () => {
    const copy = join(folder, "copy.safetensors");
    copyFileSync(path, copy);
    const first = await place(await view("BF16"));
    const source = await openSafetensors(copy);
    const second = await place(source.tensor("BF16"));
    await source.close();
    expect(valuesOf(first)).toEqual(valuesOf(second));
  });
});
