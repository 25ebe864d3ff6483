import { open, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { SafetensorsFormatError, SafetensorsNotFoundError, SafetensorsReadError } from "../src/errors.js";
import { openSafetensors } from "../src/open.js";
import { toFloat32 } from "../src/to-float32.js";
import { encodeSafetensors } from "../src/write.js";
import { closing, countingSource, fileOf, fixture, float32, temporaryFolder } from "./support.js";

interface Golden {
  readonly [name: string]: { readonly shape: number[]; readonly values: number[] };
}

const path = fixture("every-dtype.safetensors");
const bytes = new Uint8Array(await readFile(path));
const golden: Golden = JSON.parse(await readFile(fixture("every-dtype.json"), "utf8"));

describe("a file of every dtype by the official library", () => {
  const backed = bytes.slice();
  test.each([
    ["a path", () => path],
    ["a file: URL", () => pathToFileURL(path)],
    ["a file: URL as text", () => pathToFileURL(path).href],
    ["a Blob", () => new Blob([bytes])],
    ["an ArrayBuffer", () => backed.buffer],
    ["a Uint8Array", () => bytes],
    [
      "a Uint8Array in the middle of a buffer",
      () => new Uint8Array([0, 0, 0, ...bytes, 0]).subarray(3, 3 + bytes.length),
    ],
    ["a ByteSource", () => countingSource(bytes)],
  ])("from %s", async (_, source) => {
    const file = closing(await openSafetensors(source()));
    expect(file.metadata).toEqual({ format: "pt" });
    expect([...file.names].sort()).toEqual(Object.keys(golden).sort());
    for (const [name, { shape, values }] of Object.entries(golden)) {
      const view = file.tensor(name);
      expect(view.shape).toEqual(shape);
      expect([...toFloat32(await view.read(), view.dtype)]).toEqual(values);
    }
  });

  test("names come in file order, and lie where location says", async () => {
    const file = closing(await openSafetensors(path));
    const offsets = file.names.map((name) => file.tensor(name).location!.offset);
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
    for (const name of file.names) {
      const view = file.tensor(name);
      const { offset, length } = view.location!;
      expect(view.location!.path).toBe(path);
      expect(await view.read()).toEqual(bytes.slice(offset, offset + length));
    }
    const row = file.tensor("F32").at(1);
    expect(row.location).toEqual({ path, offset: file.tensor("F32").location!.offset + 12, length: 12 });
  });

  test("what is not a local file has no location", async () => {
    const file = closing(await openSafetensors(bytes));
    expect(file.tensor("F32").location).toBeUndefined();
  });
});

test("each byte is read once, and only when asked for", async () => {
  const file = await encodeSafetensors([
    float32("a", [2], [1, 2]),
    float32("b", [3], [3, 4, 5]),
    float32("c", [0], []),
  ]);
  const source = countingSource(file);
  const tensors = closing(await openSafetensors(source));
  const dataStart = file.length - 20;
  expect([...source.reads]).toEqual([...Array(dataStart).fill(1), ...Array(20).fill(0)]);
  tensors.tensor("b").slice(1, 3).at(0);
  expect(source.reads.subarray(dataStart).every((count) => count === 0)).toBe(true);
  for (const name of tensors.names) await tensors.tensor(name).read();
  expect(source.reads.every((count) => count === 1)).toBe(true);
});

test("tensors beyond 4 GiB of a sparse file", async () => {
  const folder = await temporaryFolder();
  const big = join(folder, "big.safetensors");
  const huge = 5 * 2 ** 30;
  const head = fileOf({
    hole: { dtype: "U8", shape: [5, 2 ** 30], data_offsets: [0, huge] },
    ids: { dtype: "I32", shape: [3], data_offsets: [huge, huge + 12] },
    scale: { dtype: "F32", shape: [], data_offsets: [huge + 12, huge + 16] },
  });
  const handle = await open(big, "w");
  await handle.write(head);
  await handle.truncate(head.length + huge + 16);
  await handle.write(new Uint8Array(new Int32Array([7, 8, 9]).buffer), 0, 12, head.length + huge);
  await handle.write(new Uint8Array(new Float32Array([2.5]).buffer), 0, 4, head.length + huge + 12);
  await handle.close();

  const file = closing(await openSafetensors(big));
  expect(file.tensor("ids").location!.offset).toBe(head.length + huge);
  expect([...toFloat32(await file.tensor("ids").read(), "I32")]).toEqual([7, 8, 9]);
  expect([...toFloat32(await file.tensor("scale").read(), "F32")]).toEqual([2.5]);
  expect([...toFloat32(await file.tensor("ids").slice(1, 3).read(), "I32")]).toEqual([8, 9]);
  await expect(file.tensor("hole").read()).rejects.toThrow("hole: expected at most 4294967296 bytes in one read");
  expect(
    await file
      .tensor("hole")
      .at(4)
      .slice(2 ** 30 - 3, 2 ** 30)
      .read(),
  ).toEqual(new Uint8Array(3));
});

describe("refuses", () => {
  test("a truncated file, when it is opened", async () => {
    const short = join(await temporaryFolder(), "short.safetensors");
    await writeFile(short, bytes.subarray(0, bytes.length - 1));
    await expect(openSafetensors(short)).rejects.toThrow(SafetensorsFormatError);
    await expect(openSafetensors(short)).rejects.toThrow(
      /bytes of tensors, got \d+\. Download the file again: it is truncated\./,
    );
  });

  test("a file that is not there, and a folder", async () => {
    const folder = await temporaryFolder();
    await expect(openSafetensors(join(folder, "none"))).rejects.toThrow(SafetensorsNotFoundError);
    await expect(openSafetensors(folder)).rejects.toThrow(
      `${folder}: expected a file, got a folder, a pipe or a device.`,
    );
    await expect(openSafetensors(join(path, "below-a-file"))).rejects.toThrow(SafetensorsNotFoundError);
  });

  test("what is no source", async () => {
    for (const source of [undefined, null, 5, {}, []]) {
      await expect(openSafetensors(source as never)).rejects.toThrow("openSafetensors: expected a path, URL, Blob");
    }
    await expect(openSafetensors(new URL("ftp://example.org/a"))).rejects.toThrow(
      "expected a path, or a file: or http(s): URL",
    );
  });

  test("a file that shrinks while it is open", async () => {
    const shrinking = join(await temporaryFolder(), "shrinking.safetensors");
    await writeFile(shrinking, bytes);
    const file = closing(await openSafetensors(shrinking));
    await truncate(shrinking, bytes.length - 1);
    const last = file.names.at(-1)!;
    await expect(file.tensor(last).read()).rejects.toThrow(SafetensorsReadError);
    await expect(file.tensor(last).read()).rejects.toThrow("It changed while it was being read.");
  });

  test("a tensor that is not there", async () => {
    const file = closing(await openSafetensors(await encodeSafetensors([float32("a", [1], [1])])));
    expect(() => file.tensor("b")).toThrow('buffer: expected one of 1 tensors ("a"), got "b".');
    expect(() => file.tensor("__proto__")).toThrow('got "__proto__"');
    expect([file.has("a"), file.has("b"), file.has("constructor")]).toEqual([true, false, false]);
  });
});

describe("closing", () => {
  test("ends reading, and closes the file", async () => {
    const source = countingSource(bytes);
    const file = await openSafetensors(source);
    const view = file.tensor("F32");
    await file.close();
    await file.close();
    expect(source.closed).toBe(true);
    await expect(view.read()).rejects.toThrow("counted: expected an open source, got a closed one.");
  });

  test("happens at the end of `await using`, and where opening fails", async () => {
    const source = countingSource(bytes);
    {
      await using file = await openSafetensors(source);
      expect(file.has("F32")).toBe(true);
    }
    expect(source.closed).toBe(true);
    const bad = countingSource(bytes.slice(0, 20));
    await expect(openSafetensors(bad)).rejects.toThrow(SafetensorsFormatError);
    expect(bad.closed).toBe(true);
  });

  test("gives file handles back", async () => {
    const { readdir } = await import("node:fs/promises");
    const handles = async () => (process.platform === "linux" ? (await readdir("/proc/self/fd")).length : 0);
    const before = await handles();
    for (let i = 0; i < 50; i++) await (await openSafetensors(path)).close();
    for (let i = 0; i < 50; i++)
      await expect(openSafetensors(fixture("corpus.json"))).rejects.toThrow(SafetensorsFormatError);
    expect(await handles()).toBeLessThan(before + 10);
  });
});
