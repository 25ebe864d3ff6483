import { encodeSafetensors, openCheckpoint, type TensorView } from "@mixtape/safetensors";
import { fixture, longTestEngines } from "@mixtape/testing";
import { describe, expect, test } from "vitest";
import { inspectModel, loadModel, useEngine } from "../src/index.js";
import { configOnly, filesOf, golden, SAMPLE, withConfig } from "./files.js";

const HAS_NATIVE = longTestEngines().includes("native");

/*
 * Counted by hand. Mixtral: vocabulary 97, width 32, 3 layers, 4 heads and 2 kv heads of 8, 4 experts of width 8, 2 for each
 * token. An embedding and a head of 97 · 32; in each layer projections of 32 · (32 + 16 + 16) + 32 · 32, 2 norms of 32, a
 * router of 4 · 32, experts of 4 · 3 · 8 · 32; a norm of 32.
 */
const EMBEDDING = 97 * 32;
const EXPERTS = 3 * (4 * 3 * 8 * 32);
const NORMS = 3 * 2 * 32 + 32;
const ATTENTION = 3 * (32 * 64 + 32 * 32);
const ROUTERS = 3 * (4 * 32);
const OTHER_MATRICES = EMBEDDING + ATTENTION + ROUTERS;
const TOTAL = EMBEDDING + EXPERTS + NORMS + OTHER_MATRICES;

test("counts a checkpoint without loading it", async () => {
  const inspection = await inspectModel(golden("mixtral/basic"));
  expect(inspection).toEqual({
    modelType: "mixtral",
    architecture: "MixtralForCausalLM",
    layers: { total: 3, moe: 3, sliding: 0 },
    experts: { total: 4, perToken: 2, shared: 0 },
    parameters: { total: TOTAL, active: TOTAL - EXPERTS / 2 },
    dtypes: { F32: { tensors: 60, bytes: 4 * TOTAL } },
    weights: {
      embedding: { F32: { tensors: 1, weights: EMBEDDING, bytes: 4 * EMBEDDING } },
      attention: { F32: { tensors: 12, weights: ATTENTION, bytes: 4 * ATTENTION } },
      router: { F32: { tensors: 3, weights: ROUTERS, bytes: 4 * ROUTERS } },
      experts: { F32: { tensors: 36, weights: EXPERTS, bytes: 4 * EXPERTS } },
      norms: { F32: { tensors: 7, weights: NORMS, bytes: 4 * NORMS } },
      head: { F32: { tensors: 1, weights: EMBEDDING, bytes: 4 * EMBEDDING } },
    },
    faults: { missing: [], unexpected: [], misshaped: [] },
    warnings: [],
    engines: {
      tensorflow: {
        weightBytes: 4 * TOTAL,
        decodedBytes: 0,
        storage: "float32, matrices transposed, experts apart",
        mapped: false,
        partialExperts: null,
        experts: "sparse",
      },
      webgpu: {
        weightBytes: 4 * TOTAL,
        decodedBytes: 0,
        storage: "float32, matrices transposed, experts together",
        mapped: false,
        partialExperts: null,
        experts: "gathered",
      },
      // A second copy of each matrix that is multiplied by.
      wasm: {
        weightBytes: 4 * (TOTAL + EXPERTS + OTHER_MATRICES),
        decodedBytes: 0,
        storage: "float32, matrices transposed, experts apart",
        mapped: false,
        partialExperts: null,
        experts: "sparse",
      },
      cpu: {
        weightBytes: 4 * TOTAL,
        decodedBytes: 0,
        storage: "float32, matrices as in the file, experts apart",
        mapped: false,
        partialExperts: null,
        experts: "sparse",
      },
      ...(HAS_NATIVE && {
        native: {
          weightBytes: 4 * TOTAL,
          decodedBytes: 0,
          storage: "as in the file (bfloat16, float16, float32, quantised), mapped",
          mapped: true,
          partialExperts: null,
          experts: "fused",
        },
      }),
    },
  });
  expect(await inspectModel(filesOf(golden("mixtral/basic-sharded")))).toEqual(inspection);
});

// Totals and experts as the safetensors library of Python counts them in the files.
test.each([
  ["qwen3-moe", { total: 2, moe: 2, sliding: 0 }, { total: 6, perToken: 3, shared: 0 }, 21_920, 6_912],
  ["afmoe", { total: 3, moe: 2, sliding: 2 }, { total: 5, perToken: 2, shared: 1 }, 28_122, 5_760],
])("%s: active are all but the experts that a token is not sent to", async (family, layers, experts, total, routed) => {
  const idle = routed * (1 - experts.perToken / experts.total);
  expect(await inspectModel(golden(`${family}/basic`))).toMatchObject({
    layers,
    experts,
    parameters: { total, active: total - idle },
  });
});

test("dtypes are those on disk", async () => {
  const { dtypes, parameters } = await inspectModel(golden("afmoe/bfloat16"));
  const counts = Object.values(dtypes);
  expect(dtypes.BF16!.tensors).toBeGreaterThan(dtypes.F32?.tensors ?? 0);
  expect(counts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(
    2 * parameters.total + 2 * ((dtypes.F32?.bytes ?? 0) / 4),
  );
});

test.runIf(HAS_NATIVE)("native keeps bfloat16, and says so when it reads instead of mapping", async () => {
  const before = (await inspectModel(golden("afmoe/bfloat16"))).engines;
  expect(before.native).toMatchObject({ weightBytes: before.cpu.weightBytes / 2, mapped: true });
  await useEngine("native", { mmap: false });
  expect((await inspectModel(golden("afmoe/bfloat16"))).engines.native).toMatchObject({
    weightBytes: before.cpu.weightBytes / 2,
    storage: "as in the file (bfloat16, float16, float32, quantised), read into memory",
    mapped: false,
  });
  await useEngine("native");
});

test("the sample model is what its card says", async () => {
  const { modelType, parameters, layers, experts } = await inspectModel(SAMPLE);
  expect(modelType).toBe("afmoe");
  expect(parameters.total).toBe(5_223_016);
  expect(layers).toEqual({ total: 6, moe: 5, sliding: 4 });
  expect(experts).toEqual({ total: 8, perToken: 2, shared: 1 });
});

test("tensors that are missing, that nothing asks for, or of another shape are told", async () => {
  const whole = filesOf(golden("mixtral/basic"));
  const { faults, parameters } = await inspectModel(
    withConfig("mixtral/basic", { num_local_experts: 3, vocab_size: 90, num_hidden_layers: 4 }),
  );
  expect(parameters.total).toBeGreaterThan(0);
  // One more layer: four projections, two norms, a router, three experts of three matrices.
  expect(faults.missing).toHaveLength(4 + 2 + 1 + 9);
  expect(faults.missing).toContain("model.layers.3.block_sparse_moe.experts.2.w1.weight");
  expect(faults.unexpected).toHaveLength(9);
  expect(faults.unexpected).toContain("model.layers.2.block_sparse_moe.experts.3.w2.weight");
  expect(faults.misshaped).toHaveLength(5);
  expect(faults.misshaped).toContainEqual({ name: "lm_head.weight", shape: [97, 32], expected: [90, 32] });

  const source = await openCheckpoint(whole);
  const kept = source.names.filter((name) => name !== "model.norm.weight");
  const tensors = kept.map((name) => ({ name, ...described(source.tensor(name)) }));
  const files = new Map<string, Blob | Uint8Array>([...whole, ["model.safetensors", await encodeSafetensors(tensors)]]);
  expect((await inspectModel(files)).faults).toEqual({ missing: ["model.norm.weight"], unexpected: [], misshaped: [] });
  await expect(loadModel(files, { engine: "cpu" })).rejects.toThrow("missing model.norm.weight");

  function described(view: TensorView) {
    return { dtype: view.dtype, shape: view.shape, bytes: () => view.read() };
  }
});

describe("an error for", () => {
  test("a config without weights", async () => {
    await expect(inspectModel(configOnly("Trinity-Mini"))).rejects.toThrow(
      "the map of files: expected model.safetensors or model.safetensors.index.json, got neither.",
    );
  });
});

// Weights as tools/reference/golden_quantizers.py quantised them, and bytes as they are in the file.
test("quantised weights are counted by kind, with their format", async () => {
  const { weights, dtypes, engines } = await inspectModel(fixture("quantized/compressed-tensors"));
  expect(weights).toMatchObject({
    attention: { int8: { tensors: 8, weights: 24_576, bytes: 24_576 + 2 * 2 * (64 + 32 + 32 + 64) } },
    router: { BF16: { tensors: 2, weights: 512, bytes: 1024 } },
    experts: {
      "packed-integers (4 bit)": { tensors: 18, weights: 36_864, bytes: 36_864 / 2 + (2 * 36_864) / 32 },
      BF16: { tensors: 6, weights: 12_288, bytes: 24_576 },
    },
    norms: { BF16: { tensors: 9 } },
    head: { BF16: { weights: 4096 } },
  });
  expect(Object.keys(dtypes).sort()).toEqual(["BF16", "int8", "packed-integers"]);
  expect(engines.cpu.decodedBytes).toBe(4 * (24_576 + 36_864 + 12_288));
  expect(engines.wasm.decodedBytes).toBe(2 * engines.cpu.decodedBytes);
});
