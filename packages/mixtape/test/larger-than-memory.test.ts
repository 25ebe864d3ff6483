import { fileURLToPath } from "node:url";
import { storageOf } from "@mixtape/ops";
import { afterEach, describe, expect, test } from "vitest";
import {
  generateTokens,
  inspectModel,
  type LoadModelOptions,
  listEngines,
  loadModel,
  ModelTooLargeError,
  useEngine,
} from "../src/index.js";
import { golden } from "./files.js";

const hasNative = (await listEngines()).some(({ name, available }) => name === "native" && available);
const file = (name: string): string => fileURLToPath(new URL(`__fixtures__/gguf/${name}.gguf`, import.meta.url));

const PROMPT = [5, 17, 3, 42, 8, 23, 11, 2];

/** Loads a model, and returns the tokens that it writes, its warnings, and what became of its experts. */
async function written(path: string, options: LoadModelOptions = {}) {
  const warnings: string[] = [];
  const model = await loadModel(path, {
    ...options,
    onWarning: ({ kind, message }) => kind === "larger-than-memory" && warnings.push(message),
  });
  const ids: number[] = [];
  for await (const { id } of generateTokens(model, [PROMPT], { maxNewTokens: 24, eosTokenId: [] })) ids.push(id);
  const state = storageOf("native").expertMemory!();
  model.dispose();
  return { ids, warnings, state };
}

describe.runIf(hasNative)("a model larger than memory", () => {
  afterEach(() => useEngine("native"));

  test.each([
    ["a GGUF file", file("qwen3moe.Q8_0")],
    ["a split one", file("qwen3moe.split-00001-of-00003")],
    ["safetensors", golden("mixtral/bfloat16")],
  ])("writes the same from %s as with all of it in memory", async (_, path) => {
    await useEngine("native");
    const whole = await written(path);
    expect(whole.state.active).toBe(false);
    expect(whole.warnings).toEqual([]);
    const { engines } = await inspectModel(path, { memory: 1 });
    const { bytes } = engines.native!.partialExperts!;
    const others = engines.native!.weightBytes - bytes;
    const half = await written(path, { memory: Math.round(others + bytes / 2) });
    expect(half.ids).toEqual(whole.ids);
    expect(half.state).toMatchObject({ active: true });
    expect(half.state.read).toBeGreaterThan(0);
    expect(half.state.read).toBeLessThan(half.state.used);
    expect(half.state.dropped).toBeGreaterThan(0);
    expect(half.warnings).toEqual([
      expect.stringMatching(/of \d+ MiB of routed experts \d+ MiB fit into memory \(the limit that was set\)/),
    ]);
    // A twentieth: hardly one expert.
    const little = await written(path, { memory: Math.round(others + bytes / 20) });
    expect(little.ids).toEqual(whole.ids);
    // What one model was limited to does not limit the next.
    expect((await written(path)).state.active).toBe(false);
  });

  test("on an engine that maps nothing is refused", async () => {
    await expect(loadModel(file("qwen3moe.Q8_0"), { engine: "cpu", memory: "10KB" })).rejects.toThrow(
      /expected weights of at most 0\.00 GiB on the engine "cpu" \(the limit that was set\), got .*\. Raise options\.memory, or use a smaller model/,
    );
  });

  test("is refused if its weights are quantised while loading, which are in no file", async () => {
    await useEngine("native");
    const path = golden("mixtral/bfloat16");
    const options = { quantize: { weights: "int8", groupSize: "channel" }, memory: "1KB" } as const;
    await expect(loadModel(path, options)).rejects.toThrow(ModelTooLargeError);
    await expect(loadModel(path, options)).rejects.toThrow(
      "weights that are quantised while loading are not in a file",
    );
  });

  test("is described before it is loaded", async () => {
    const { engines } = await inspectModel(file("qwen3moe.Q8_0"), { memory: "1MB" });
    expect(engines.native!.partialExperts).toBeNull();
    const { partialExperts } = (await inspectModel(file("qwen3moe.Q8_0"), { memory: 20_000 })).engines.native!;
    // Two layers of 4 experts, of which a token uses 2, each of 3 matrices of 32 × 32 in blocks of 34 bytes.
    expect(partialExperts).toMatchObject({ bytes: 2 * 4 * 3 * 32 * 34, bytesPerToken: 2 * 2 * 3 * 32 * 34 });
    const { bytes, keptBytes, bytesPerToken, diskBytesPerToken } = partialExperts!;
    expect(diskBytesPerToken).toBeCloseTo(bytesPerToken * (1 - keptBytes / bytes));
    expect((await inspectModel(file("qwen3moe.Q8_0"), { memory: 20_000 })).engines.cpu.partialExperts).toBeNull();
  });
});
