import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gguf } from "@huggingface/gguf";
import { openByteSource } from "@mixtape/safetensors";
import { expect, test } from "vitest";
import { GgufFormatError, GgufUnsupportedError } from "../src/errors.js";
import type { MetadataValue } from "../src/header/metadata.js";
import { type Header, readHeader } from "../src/header/read-header.js";
import { buildGguf, join, type Parts, text, u32, u64 } from "./build-gguf.js";

const folder = fileURLToPath(new URL("../../mixtape/test/__fixtures__/gguf", import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith(".gguf"));

async function read(source: string | Uint8Array | Blob): Promise<Header> {
  const file = await openByteSource(source);
  try {
    return await readHeader(file);
  } finally {
    await file.close();
  }
}

test.each(files)("%s is read as @huggingface/gguf reads it", async (name) => {
  const path = `${folder}/${name}`;
  const theirs = await gguf(path, { allowLocalFile: true });
  const theirMetadata = theirs.metadata as unknown as Record<string, MetadataValue>;
  const { metadata, tensors } = await read(path);
  for (const key of metadata.keys) expect([key, plain(metadata.get(key)!)]).toEqual([key, plain(theirMetadata[key]!)]);
  expect([...metadata.keys, "version", "tensor_count", "kv_count"].sort()).toEqual(Object.keys(theirMetadata).sort());
  expect(tensors.map(({ name, shape, offset }) => ({ name, shape, offset }))).toEqual(
    theirs.tensorInfos.map(({ name, shape, offset }) => ({
      name,
      shape: shape.map(Number).reverse(),
      offset: Number(theirs.tensorDataOffset + offset),
    })),
  );
});

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  return Array.isArray(value) || ArrayBuffer.isView(value) ? Array.from(value as number[]) : value;
}

test("every type of value", async () => {
  const { metadata } = await read(
    buildGguf({
      keys: [
        ["u8", { u8: 255 }],
        ["i32", { i32: -1 }],
        ["u64", { u64: 2n ** 53n - 1n }],
        ["large", { u64: 2n ** 63n }],
        ["f32", { f32: 0.5 }],
        ["bool", { bool: true }],
        ["string", { string: "naïve 🦊" }],
        ["strings", { strings: ["", "a"] }],
        ["i32s", { i32s: [1, -2] }],
        ["bools", { raw: join([u32(9), u32(7), u64(2n), Uint8Array.of(1, 0)]) }],
        ["i64", { raw: join([u32(11), u64(2n ** 64n - 5n)]) }],
        ["f64", { raw: join([u32(12), new Uint8Array(Float64Array.of(0.1).buffer)]) }],
      ],
    }),
  );
  expect([...metadata.keys].map((key) => metadata.get(key))).toEqual([
    255,
    -1,
    2 ** 53 - 1,
    2n ** 63n,
    0.5,
    true,
    "naïve 🦊",
    ["", "a"],
    Int32Array.of(1, -2),
    [true, false],
    -5,
    0.1,
  ]);
  expect(() => metadata.string("u8")).toThrow("u8: expected a string, got 255");
  expect(() => metadata.count("i32")).toThrow("i32: expected a whole number from 0 on, got -1");
  expect(() => metadata.strings("bools")).toThrow("expected an array of strings, got an array of 2");
});

test("a header of many requests", async () => {
  const tokens = Array.from({ length: 100_000 }, (_, i) => `token ${i}`);
  const bytes = buildGguf({
    keys: [["tokens", { strings: tokens }]],
    tensors: [{ name: "w", sizes: [2, 3], bytes: new Uint8Array(24) }],
  });
  const { metadata, tensors } = await read(new Blob([bytes]));
  expect(metadata.strings("tokens")).toEqual(tokens);
  expect(tensors[0]).toMatchObject({ name: "w", shape: [3, 2], offset: bytes.length - 32 });
});

const tensor = { name: "w", sizes: [32], bytes: new Uint8Array(128) };
const DAMAGED: readonly (readonly [string, Uint8Array, string])[] = [
  ["nothing", new Uint8Array(0), 'expected a GGUF file, which begins with "GGUF", got an empty file'],
  ["another format", new Uint8Array(100), 'which begins with "GGUF"'],
  [
    "a header that ends early",
    buildGguf({ keys: [["abcdefgh", { u32: 1 }]] }).slice(0, 38),
    "within the 38 bytes of the file",
  ],
  ["absurdly many keys", hostile({ keyCount: 2n ** 62n }), "the number of keys below 2^53, got 4611686018427387904"],
  ["more keys than fit", hostile({ keyCount: 1000n }), "expected at most 0 keys, as many as the rest"],
  ["absurdly many tensors", hostile({ tensorCount: 2n ** 40n }), "tensors, as many as the rest of the header can hold"],
  [
    "an absurd array",
    hostile({ keys: [["a", { raw: join([u32(9), u32(8), u64(2n ** 50n)]) }]] }),
    "strings of a, as many as the rest",
  ],
  [
    "an absurd array of numbers",
    hostile({ keys: [["a", { raw: join([u32(9), u32(5), u64(2n ** 50n)]) }]] }),
    "within the",
  ],
  [
    "an absurd string",
    hostile({ keys: [["a", { raw: join([u32(8), u64(2n ** 40n)]) }]] }),
    "of at most 16777216 bytes",
  ],
  [
    "an array of arrays",
    hostile({ keys: [["a", { raw: join([u32(9), u32(9), u64(1n)]) }]] }),
    "got an array of arrays",
  ],
  ["an unknown value", hostile({ keys: [["a", { raw: u32(13) }]] }), "got type 13"],
  [
    "a key twice",
    hostile({
      keys: [
        ["a", { u8: 1 }],
        ["a", { u8: 1 }],
      ],
    }),
    "expected unique keys, got a twice",
  ],
  ["a key that is not UTF-8", hostile({ keys: [["\u0000", { u8: 1 }]] }, 0xff), "expected key 0 in UTF-8"],
  ["an odd alignment", buildGguf({ keys: [["general.alignment", { u32: 3 }]] }), "expected a power of 2"],
  ["a tensor of five axes", buildGguf({ tensors: [{ ...tensor, sizes: [1, 1, 1, 1, 32] }] }), "at most 4 axes, got 5"],
  [
    "a tensor of nothing",
    buildGguf({ tensors: [{ ...tensor, sizes: [0, 2 ** 40] }] }),
    "sizes of at least 1, got [0, 10",
  ],
  ["a truncated tensor", buildGguf({ tensors: [tensor] }).slice(0, -32), "tensor w: expected to end within"],
  ["a tensor too large", buildGguf({ tensors: [{ ...tensor, sizes: [2 ** 30, 2 ** 30] }] }), "below 2^53"],
  ["a tensor elsewhere", buildGguf({ tensors: [{ ...tensor, offset: 64 }] }), "tensor w: expected to begin at 0"],
  ["a name twice", buildGguf({ tensors: [tensor, tensor] }), "unique names of tensors, got it twice"],
  [
    "half a block",
    buildGguf({ tensors: [{ ...tensor, type: 8, sizes: [33] }] }),
    "rows of a multiple of 32 values, for Q8_0",
  ],
  ["a type of nothing", buildGguf({ tensors: [{ ...tensor, type: 1e6 }] }), "got number 1000000"],
];

/** A file with 64 bytes behind its header, and optionally another first byte of its first key. */
function hostile(parts: Parts, keyByte?: number): Uint8Array {
  const bytes = join([buildGguf(parts), new Uint8Array(parts.keys ? 64 : 0)]);
  if (keyByte !== undefined) bytes[32] = keyByte;
  return bytes;
}

test.each(DAMAGED)("refuses %s", async (_, bytes, message) => {
  const error = await read(bytes).catch((one: unknown) => one);
  expect(error).toBeInstanceOf(GgufFormatError);
  expect(String(error)).toContain(message);
});

test.each([
  ["version 1", buildGguf({ version: 1 }), "got version 1"],
  ["big endian", buildGguf({ version: 0x03000000 }), "got big endian"],
])("refuses %s", async (_, bytes, message) => {
  const error = await read(bytes).catch((one: unknown) => one);
  expect(error).toBeInstanceOf(GgufUnsupportedError);
  expect(String(error)).toContain(message);
});

test("tensors of other types are in the header, and those behind them may be anywhere", async () => {
  const other = { ...tensor, name: "x", type: 16, bytes: new Uint8Array(66) };
  const { tensors } = await read(buildGguf({ tensors: [other, tensor] }));
  expect(tensors.map(({ type }) => type)).toMatchObject([{ kind: "unsupported", name: "IQ2_XXS" }, { kind: "plain" }]);
  const odd = buildGguf({ tensors: [other, { ...tensor, offset: 95 }] });
  await expect(read(odd)).rejects.toThrow("tensor w: expected to begin at a multiple of 32, behind");
});

test("every prefix of a file is refused by a typed error", async () => {
  const whole = buildGguf({
    keys: [
      ["general.name", { string: "x" }],
      ["tokens", { strings: ["a", "b"] }],
    ],
    tensors: [tensor],
  });
  for (let length = 0; length < whole.length; length++)
    await expect(read(whole.slice(0, length))).rejects.toBeInstanceOf(GgufFormatError);
  expect(text("a")).toHaveLength(9);
});
