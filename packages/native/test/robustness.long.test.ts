import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { relu, setBackend, tensor1d } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NativeError, registerNative } from "../src/index.js";
import { nativeOrNothing } from "./support/native.js";

const RUNNER = fileURLToPath(new URL("robustness/run.js", import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mixtape-robustness-test-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const native = nativeOrNothing();

test.runIf(native)(
  "no arguments crash the process: every function takes right ones, and refuses wrong ones by a NativeError",
  () => {
    const log = join(folder, "log");
    const seed = Math.trunc(Math.random() * 2 ** 31);
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [RUNNER, "300", String(seed)], {
      encoding: "utf8",
      timeout: 500_000,
      env: { ...process.env, MIXTAPE_ROBUSTNESS_LOG: log },
    });
    const told = { seed, last: readFileSync(log, "utf8").trim(), stderr };
    expect({ status, signal, told }).toEqual({ status: 0, signal: null, told: { ...told, stderr: "" } });
    expect(stdout).toMatch(
      new RegExp(`^${Object.keys(native ?? {}).length} functions, 300 calls each, \\d{4} refused\n$`),
    );
  },
);

test.runIf(native)("an error names the function, what it expected and what it got", () => {
  const call = () => native?.linear(new Float32Array(1), new Float32Array(3), new Float32Array(2), null, 2, 0);
  expect(call).toThrow(NativeError);
  expect(call).toThrow("linear: expected x as whole rows of `width`");
  const shared = new Float32Array(new SharedArrayBuffer(8));
  expect(() => native?.unary(new Float32Array(2), shared, 0)).toThrow("memory that no other thread can change");
  const numbers = new Float32Array(4);
  expect(() => native?.embedding(numbers, new Int32Array(numbers.buffer), new Float32Array(2), 2)).toThrow("overlap");
});

test.runIf(native)("a tensor of shared memory is a copy, which kernels take", async () => {
  registerNative();
  await setBackend("native");
  const memory = new Float32Array(new SharedArrayBuffer(8)).fill(2);
  const x = tensor1d(memory);
  memory.fill(-1);
  expect([...relu(x).dataSync()]).toEqual([2, 2]);
});
