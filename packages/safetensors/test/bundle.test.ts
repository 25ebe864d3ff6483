import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { runInNewContext } from "node:vm";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { fixture } from "./support.js";

test("a bundle for browsers has nothing of Node in it, and reads and writes", async () => {
  const entry = fileURLToPath(new URL("../dist/index.js", import.meta.url));
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: "browser",
    format: "iife",
    globalName: "safetensors",
    write: false,
    metafile: true,
  });
  const code = outputFiles[0]!.text;
  expect(Object.keys(metafile.inputs).filter((input) => input.includes("files-"))).toEqual([
    expect.stringMatching(/dist\/files-browser\.js$/),
  ]);
  expect(code).not.toMatch(/\bnode:|\brequire\(|\bprocess\.|\bBuffer\b/);

  // Only what browsers have; typed arrays of this realm, as `instanceof` asks for.
  const globals = { Blob, URL, TextDecoder, TextEncoder, ArrayBuffer, Uint8Array, Map, crypto, Error };
  const run = runInNewContext(
    `${code}
    (async (file, index, shards) => {
      const { openSafetensors, openCheckpoint, toFloat32, fromFloat32, encodeSafetensors } = safetensors;
      const source = await openSafetensors(new Blob([file]));
      const values = Array.from(toFloat32(await source.tensor("BF16").read(), "BF16"));
      const again = await encodeSafetensors([{ name: "a", dtype: "F16", shape: [2], bytes: fromFloat32(new Float32Array([1, 2]), "F16") }]);
      const checkpoint = await openCheckpoint(new Map([["model.safetensors.index.json", index], ...shards]));
      let path;
      try { await openSafetensors("model.safetensors"); } catch (error) { path = error.message; }
      return JSON.stringify({ values, length: again.length, tensors: checkpoint.names.length, path });
    })`,
    globals,
  ) as (...args: unknown[]) => Promise<string>;
  const shards = await Promise.all(
    [1, 2, 3].map(async (i) => {
      const name = `model-0000${i}-of-00003.safetensors`;
      return [name, new Blob([await readFile(fixture(`sharded/${name}`))])];
    }),
  );
  const index = new Uint8Array(await readFile(fixture("sharded/model.safetensors.index.json")));
  expect(JSON.parse(await run(await readFile(fixture("every-dtype.safetensors")), index, shards))).toEqual({
    values: [0, -1.5, 0.25, 448, -0.015625, 3],
    length: 68,
    tensors: 9,
    path: "model.safetensors: expected a URL, Blob or bytes, got a path, which only Node can open. To read, pass an absolute http(s) URL, e.g. new URL(path, document.baseURI); to write, create the files in memory.",
  });
});

test("Node can require the package", async () => {
  const { createRequire } = await import("node:module");
  const { openSafetensors } = createRequire(import.meta.url)(
    "@mixtape/safetensors",
  ) as typeof import("../src/index.js");
  const file = await openSafetensors(fixture("every-dtype.safetensors"));
  expect(file.has("F8_E4M3")).toBe(true);
  await file.close();
});
