/** Blocks decode to the very bits that llama.cpp and its `gguf` package give (tools/reference/gguf_blocks.py). */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { quantizedView, toFloat32, viewOfBytes } from "@mixtape/safetensors";
import { expect, test } from "vitest";
import { GGML_FORMATS } from "../src/formats/ggml/ggml-formats.js";

const golden = JSON.parse(
  gunzipSync(readFileSync(new URL("__fixtures__/ggml-blocks.json.gz", import.meta.url))).toString(),
) as Record<string, { readonly bytes: string; readonly values: string }>;

test("the golden file has every format", () => {
  expect(Object.keys(golden).sort()).toEqual(GGML_FORMATS.map(({ name }) => name).sort());
});

test.each(GGML_FORMATS)("$name", async (format) => {
  const bytes = new Uint8Array(Buffer.from(golden[format.name]!.bytes, "base64"));
  const expected = new Uint8Array(Buffer.from(golden[format.name]!.values, "base64"));
  const values = new Float32Array(expected.length / 4);
  expect(bytes.length / format.blockBytes).toBe(values.length / format.blockSize);
  format.decodeBlocks(bytes, values);
  expect(bits(new Uint8Array(values.buffer))).toEqual(bits(expected));

  // As a stack of matrices of rows: parts decode alike.
  const rows = values.length / 256;
  const rowBytes = bytes.length / rows;
  const view = quantizedView({
    name: "w",
    shape: [2, rows / 2, 256],
    savedAs: "BF16",
    format,
    planes: { weight: viewOfBytes("w", "U8", [2, rows / 2, rowBytes], bytes) },
  });
  expect(bits(await view.read())).toEqual(bits(expected));
  const part = view.at(1).slice(1, 3);
  const from = (rows / 2 + 1) * 1024;
  expect(bits(await part.read())).toEqual(bits(expected.slice(from, from + 2048)));
  expect(toFloat32(await view.at(0).at(0).read(), "F32")).toHaveLength(256);
});

function bits(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer);
}
