import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { afterAll, expect, test } from "vitest";
import { currentEngine, EngineError, useEngine } from "../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "mixtape-wasm-")) + sep;
afterAll(() => rmSync(folder, { recursive: true }));

test("a wrong wasmPath is an error that names the file, and the engine can be chosen again", async () => {
  const wrong = useEngine("wasm", { wasmPath: "/nowhere/" });
  await expect(wrong).rejects.toThrow(EngineError);
  await expect(wrong).rejects.toThrow("/nowhere/tfjs-backend-wasm-simd.wasm cannot be read (ENOENT");
  await expect(useEngine("wasm", { wasmPath: "/nowhere" })).rejects.toThrow("wasmPath ends without a slash");

  // As servers do that answer everything with their page.
  writeFileSync(join(folder, "tfjs-backend-wasm-simd.wasm"), "<!doctype html>");
  await expect(useEngine("wasm", { wasmPath: folder })).rejects.toThrow(
    "tfjs-backend-wasm-simd.wasm is not WebAssembly",
  );
  expect((await useEngine("auto", { wasmPath: folder })).name).not.toBe("wasm");

  expect((await useEngine("wasm")).name).toBe("wasm");
  // Once it runs, the path has no part in it.
  expect((await useEngine("wasm", { wasmPath: "/nowhere/" })).name).toBe("wasm");
  expect(currentEngine().name).toBe("wasm");
});

test("options of another type than theirs are refused", async () => {
  await expect(useEngine("wasm", { wasmPath: 5 as never })).rejects.toThrow(
    "the option wasmPath: expected the path or URL of a folder, as a string, got 5.",
  );
  await expect(useEngine("native", { mmap: "no" as never })).rejects.toThrow("the option mmap: expected true or false");
  await expect(useEngine(5 as never)).rejects.toThrow("useEngine: expected one of auto, native");
});
