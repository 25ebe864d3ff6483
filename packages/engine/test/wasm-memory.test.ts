import { backend, memory, tensor1d, zeros } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { EngineError, useEngine } from "../src/index.js";

interface Heap {
  _malloc(bytes: number): number;
  _free(address: number): void;
  readonly HEAPU8: Uint8Array;
}

const BLOCK = 64 * 2 ** 20;

test("a tensor that does not fit throws, and the others stay whole", async () => {
  const { memoryLimit } = await useEngine("wasm");
  const { wasm } = backend() as unknown as { wasm: Heap };
  const first = tensor1d([1, 2, 3]);
  // Memory that is never written takes no room on the machine.
  const blocks: number[] = [];
  const fill = () => {
    for (;;) blocks.push(wasm._malloc(BLOCK));
  };
  expect(fill).toThrow(EngineError);
  expect(fill).toThrow(
    /^engine "wasm": expected 64\.0 MiB of memory for a tensor, got none left of 4095 MiB: WebAssembly/,
  );
  const taken = blocks.length * BLOCK;
  expect(taken).toBeGreaterThan((memoryLimit?.bytes ?? 0) - 2 * BLOCK);
  expect(taken).toBeLessThanOrEqual(memoryLimit?.bytes ?? 0);

  const { numTensors } = memory();
  expect(() => zeros([BLOCK / 4])).toThrow(EngineError);
  expect(memory().numTensors).toBe(numTensors);
  expect([...first.dataSync()]).toEqual([1, 2, 3]);

  for (const block of blocks) wasm._free(block);
  const after = zeros([1024]);
  expect(after.dataSync()).toEqual(new Float32Array(1024));
});

test("choosing wasm again does not check twice", async () => {
  const { wasm } = backend() as unknown as { wasm: Heap };
  const before = wasm._malloc;
  await useEngine("wasm");
  expect(wasm._malloc).toBe(before);
});
