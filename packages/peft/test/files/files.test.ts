/** Files of adapters as other versions of Hugging Face peft and transformers wrote them: each loads as peft 0.21 loads it. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ForCausalLM } from "@mixtape/decoder";
import { encodeSafetensors, fromFloat32 } from "@mixtape/safetensors";
import { expectAllClose, type Golden, type Values } from "@mixtape/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { adaptersOf, loadAdapter } from "../../src/index.js";
import { adaptersOfTransformers4, goldenAdapters, loadGoldenModel, readTensors } from "../support/golden-adapters.js";

const { folder, about } = goldenAdapters.find(({ name }) => name === "mixtral/lora-attention")!;
let model: ForCausalLM;
let golden: Golden;
let expected: Values;
let tensors: Map<string, Values>;
let config: Record<string, unknown>;

beforeAll(async () => {
  ({ model, golden } = await loadGoldenModel(about.model));
  expected = (await readTensors(join(folder, "golden.safetensors"))).get("logits")!;
  tensors = await readTensors(join(folder, "adapter_model.safetensors"));
  config = JSON.parse(readFileSync(join(folder, "adapter_config.json"), "utf8"));
});
afterEach(() => {
  for (const name of adaptersOf(model).names) adaptersOf(model).delete(name);
});
afterAll(() => model.dispose());

/** The adapter's files with other keys and other names of tensors; a name that becomes empty is left out. */
async function files(
  changes: Record<string, unknown>,
  rename: (name: string) => string = (name) => name,
): Promise<Map<string, Uint8Array>> {
  const named = [...tensors].map(([name, values]) => [rename(name), values] as const).filter(([name]) => name !== "");
  const encoded = named.map(([name, { shape, values }]) => {
    const bytes = fromFloat32(Float32Array.from(values), "F32");
    return { name, dtype: "F32" as const, shape: [...shape], bytes: async () => bytes };
  });
  return new Map([
    ["adapter_config.json", new TextEncoder().encode(JSON.stringify({ ...config, ...changes }))],
    ["adapter_model.safetensors", await encodeSafetensors(encoded)],
  ]);
}

async function loadsAs(want: Values, source: Map<string, Uint8Array>): Promise<string[]> {
  const warnings: string[] = [];
  await loadAdapter(model, source, { onWarning: (message) => warnings.push(message) });
  const { inputIds, attentionMask } = golden.inputs;
  const { logits } = model.forward({ inputIds, attentionMask });
  await expectAllClose(logits, want, { atol: 1e-4 }, "logits");
  logits.dispose();
  return warnings;
}

describe("keys of a config that change nothing", () => {
  test.each([
    [{ enable_lora: null, merge_weights: false }],
    [{ fan_in_fan_out: true }],
    [{ rank_pattern: null, alpha_pattern: null, use_rslora: null, use_dora: null }],
    [{ init_lora_weights: "gaussian" }],
    [{ init_lora_weights: "orthogonal" }],
    [{ init_lora_weights: "eva", eva_config: { rho: 2 } }],
    [{ init_lora_weights: "lora_ga", lora_ga_config: { direction: "ArBr" } }],
    [{ init_lora_weights: false, corda_config: {}, loftq_config: {} }],
    [{ bias: "all" }],
    [{ bias: "lora_only" }],
    [{ use_qalora: true, qalora_group_size: 4 }],
    [{ inference_mode: false, revision: "main", auto_mapping: { base_model_class: "X" }, peft_version: "0.4.0" }],
    [{ layers_to_transform: [] }],
    [{ modules_to_save: ["q_norm"] }],
    [{ layers_to_transform: [0, 1, 2], layers_pattern: "layers" }],
    [{ layers_to_transform: [0, 1, 2], layers_pattern: ["h", "layers"] }],
    [{ target_modules: ".*self_attn.*_proj" }],
    [{ target_modules: "(?P<before>.*)self_attn\\.[^\\W\\d]+" }],
    [{ target_modules: "(?s:.+)_proj\\Z", exclude_modules: ".*mlp.*" }],
  ])("%j", async (changes) => {
    expect(await loadsAs(expected, await files(changes))).toEqual([]);
  });

  test("keys that peft does not know are passed over and told, unless they are ignored", async () => {
    const source = await files({ shiny: 3, enable_lora: [true] });
    expect(await loadsAs(expected, source)).toEqual([
      'adapter_config.json: "shiny" is no key of Hugging Face peft 0.21. It is passed over, as there',
      'adapter_config.json: "enable_lora" is no key of Hugging Face peft 0.21. It is passed over, as there',
    ]);
    const warnings: string[] = [];
    const options = { name: "b", ignore: ["shiny", "enable_lora"], onWarning: (text: string) => warnings.push(text) };
    await loadAdapter(model, source, options);
    expect(warnings).toEqual([]);
  });
});

describe("names of tensors", () => {
  test.each<[string, (name: string) => string]>([
    ["with the adapter's name", (name) => name.replace(/\.(lora_[AB])\./, ".$1.default.")],
    ["without a prefix", (name) => name.replace("base_model.model.", "")],
  ])("%s", async (_, rename) => {
    expect(await loadsAs(expected, await files({}, rename))).toEqual([]);
  });

  test.each([[".*_proj"], ["ALL-linear"]])("%s: what the file has", async (target_modules) => {
    const [warning, ...more] = await loadsAs(expected, await files({ target_modules }));
    expect(warning).toMatch(/: no tensors for model\.layers\.0\.mlp\.\S+ and \d+ more, which stay as they are$/);
    expect(more).toEqual([]);
  });

  test("a target that the file has nothing for stays as it is, and that is told", async () => {
    const without = await files({}, (name) => (name.includes("layers.1.self_attn.q_proj") ? "" : name));
    const excluding = await files({ exclude_modules: ["layers.1.self_attn.q_proj"] });
    await loadAdapter(model, excluding, { onWarning: () => {} });
    const { inputIds, attentionMask } = golden.inputs;
    const { logits } = model.forward({ inputIds, attentionMask });
    const want = { shape: logits.shape, values: Float32Array.from(await logits.data()) };
    logits.dispose();
    adaptersOf(model).delete("default");
    expect(await loadsAs(want, without)).toEqual([
      "adapter_model.safetensors: no tensors for model.layers.1.self_attn.q_proj, which stay as they are",
    ]);
  });

  test.each<[string, (name: string) => string, string]>([
    ["of another adapter", (name) => name.replace(/\.(lora_[AB])\./, ".$1.mine."), "missing all of"],
    ["of a model with more layers", (name) => name.replace("layers.1", "layers.7"), "unexpected base_model"],
    [
      "of half a module",
      (name) => (/layers\.1\.self_attn\.q_proj\.lora_B/.test(name) ? "" : name),
      "missing base_model",
    ],
  ])("%s are refused", async (_, rename, message) => {
    await expect(loadAdapter(model, await files({}, rename))).rejects.toThrow(message);
    expect(adaptersOf(model).names).toEqual([]);
  });
});

describe("adapters of transformers 4, with a linear map for each expert", () => {
  test.each(adaptersOfTransformers4)("$name", async ({ folder, about }) => {
    const { model, golden } = await loadGoldenModel(about.model);
    const warnings: string[] = [];
    await loadAdapter(model, folder, { onWarning: (message) => warnings.push(message) });
    const { inputIds, attentionMask } = golden.inputs;
    const { logits } = model.forward({ inputIds, attentionMask });
    const want = (await readTensors(join(folder, "golden.safetensors"))).get("logits")!;
    await expectAllClose(logits, want, { atol: 2e-5 }, "logits");
    expect(warnings).toEqual([]);
    logits.dispose();
    adaptersOf(model).delete("default");
    model.dispose();
  });
});

describe("layers that a config asks for", () => {
  test.each([
    [{ layers_to_transform: 1 }],
    [{ layers_to_transform: [1], layers_pattern: "layers" }],
    [{ layers_to_transform: [1], layers_pattern: ["blocks", "layers"] }],
    [{ layers_to_transform: [1], layers_pattern: "lay.*" }],
  ])("%j", async (changes) => {
    const adapter = await loadAdapter(model, await files(changes), { onWarning: () => {} });
    const layers = new Set(adapter.table.map(({ module }) => module.split(".")[2]));
    expect([...layers]).toEqual(["1"]);
  });
});
