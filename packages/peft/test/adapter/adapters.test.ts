/** What is done with adapters: they are put on, chosen, switched off, frozen and taken off, and bad wishes are refused. */

import { ConfigError } from "@mixtape/config";
import type { ForCausalLM } from "@mixtape/decoder";
import type { Linear } from "@mixtape/layers";
import { expectAllClose, onEachEngine, withoutLeak } from "@mixtape/testing";
import { dispose, type Tensor } from "@tensorflow/tfjs-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type AdapterConfigInput,
  AdapterError,
  adapterLosses,
  adaptersOf,
  applyAdapter,
  loadAdapter,
} from "../../src/index.js";
import { goldenAdapters, loadGoldenModel } from "../support/golden-adapters.js";
import { fillWithNoise } from "../support/noise.js";

const IDS = [
  [3, 14, 15, 92, 65],
  [35, 89, 79, 32, 38],
];

onEachEngine(() => {
  let model: ForCausalLM;
  let alone: Tensor;
  beforeAll(async () => {
    ({ model } = await loadGoldenModel("afmoe/basic"));
    alone = model.forward({ inputIds: IDS }).logits;
  });
  afterEach(() => {
    for (const name of adaptersOf(model).names) adaptersOf(model).delete(name);
  });
  afterAll(() => {
    alone.dispose();
    model.dispose();
  });

  const isAlone = async (): Promise<boolean> => {
    const { logits } = model.forward({ inputIds: IDS });
    const [got, want] = [await logits.data(), await alone.data()];
    logits.dispose();
    return got.every((value, i) => Math.abs(value - want[i]!) < 1e-5);
  };
  const around = () => [...model.namedModules()].filter(([, module]) => (module as Partial<Linear>).wrapForward);

  test.each<AdapterConfigInput>([
    { method: "lora", targetModules: "all-linear" },
    { method: "dora", targetModules: "all-linear" },
    { method: "loramoe", targetModules: "all-linear" },
    { method: "mola", targetModules: "all-linear" },
    { method: "mixlora", targetModules: ["q_proj"] },
  ])("fresh, $method changes nothing", async (config) => {
    await applyAdapter(model, { ...config, r: 2 } as AdapterConfigInput);
    expect(around().length).toBeGreaterThan(0);
    expect(await isAlone()).toBe(true);
  });

  test("the model's own parameters and what it saves do not know of it", async () => {
    const before = [
      [...model.namedParameters()].map(([name]) => name),
      [...model.tensorsToWrite()].map(({ name }) => name),
    ];
    await applyAdapter(model, { method: "mixlora", r: 2, targetModules: "all-linear" });
    expect([
      [...model.namedParameters()].map(([name]) => name),
      [...model.tensorsToWrite()].map(({ name }) => name),
    ]).toEqual(before);
    expect([...model.namedParameters()].filter(([, { isTrainable }]) => isTrainable)).toEqual([]);
  });

  test("selected, disabled, enabled and deleted", async () => {
    const adapters = adaptersOf(model);
    fillWithNoise(await applyAdapter(model, { method: "lora", r: 2, targetModules: ["k_proj", "down_proj"] }), 1);
    expect(adapters.activeAdapter).toBe("default");
    expect(await isAlone()).toBe(false);
    adapters.disable();
    expect(around()).toEqual([]);
    expect(await isAlone()).toBe(true);
    adapters.enable();
    expect(await isAlone()).toBe(false);
    expect(adapters.with(null, around)).toEqual([]);
    adapters.setAdapter(["default", null]);
    expect(await isAlone()).toBe(false);
    adapters.delete("default");
    expect(adapters.activeAdapter).toEqual([null, null]);
    expect(around()).toEqual([]);
    expect(await isAlone()).toBe(true);
  });

  test("frozen, it does not train", async () => {
    const adapter = await applyAdapter(model, { method: "dora", r: 2, targetModules: ["o_proj"] });
    expect(adapter.trainableParams().map(([name]) => name.replace(/.*layers\./, ""))).toEqual([
      "0.self_attn.o_proj.lora_a",
      "0.self_attn.o_proj.lora_b",
      "0.self_attn.o_proj.magnitude",
      ...[1, 2].flatMap((layer) =>
        ["lora_a", "lora_b", "magnitude"].map((name) => `${layer}.self_attn.o_proj.${name}`),
      ),
    ]);
    adapter.freeze();
    expect(adapter.trainableParams()).toEqual([]);
    adapter.unfreeze();
    expect(adapter.trainableParams()).toHaveLength(9);
  });

  test("frozen DoRA keeps its norms, but not when values change", async () => {
    const adapter = await applyAdapter(model, { method: "dora", r: 2, targetModules: ["o_proj", "experts.down_proj"] });
    fillWithNoise(adapter, 1);
    adapter.freeze();
    const first = model.forward({ inputIds: IDS }).logits;
    const again = model.forward({ inputIds: IDS }).logits;
    await expectAllClose(again, first, { atol: 0 }, "kept norms");
    fillWithNoise(adapter, 2);
    const changed = model.forward({ inputIds: IDS }).logits;
    adapter.unfreeze();
    const fresh = model.forward({ inputIds: IDS }).logits;
    await expectAllClose(changed, fresh, { atol: 1e-6 }, "norms of other values");
    await expect(expectAllClose(changed, first, { atol: 1e-2 })).rejects.toThrow();
    dispose([first, again, changed, fresh]);
  });

  test("merged into a model, it stays when it is deleted", async () => {
    const adapters = adaptersOf(model);
    fillWithNoise(await applyAdapter(model, { method: "lora", r: 2, targetModules: ["q_proj", "gate_up_proj"] }), 1);
    const { logits } = model.forward({ inputIds: IDS });
    await adapters.merge("default");
    await expect(adapters.merge("default")).rejects.toThrow(
      "merge default: expected a model that nothing is merged into",
    );
    adapters.delete("default");
    const merged = model.forward({ inputIds: IDS });
    await expectAllClose(merged.logits, logits, { atol: 1e-4 });
    dispose([logits, merged.logits]);
    // For the tests that come: the model as it was.
    model.dispose();
    ({ model } = await loadGoldenModel("afmoe/basic"));
  });

  test.each([false, true])("freed with its model, merged: %s", async (isMerged) => {
    await withoutLeak(async () => {
      const { model } = await loadGoldenModel("mixtral/basic");
      const adapters = adaptersOf(model);
      for (const [name, targetModules] of Object.entries({
        one: ["q_proj", "embed_tokens"],
        two: ["v_proj", "lm_head"],
      })) {
        const config: AdapterConfigInput = { method: "dora", r: 2, targetModules, modulesToSave: ["norm"] };
        const adapter = await applyAdapter(model, config, { name });
        adapter.freeze();
        dispose(model.forward({ inputIds: IDS }).logits);
      }
      if (isMerged) await adapters.merge("one");
      model.dispose();
      expect([adapters.names, adapters.activeAdapter, adapters.merged]).toEqual([[], null, null]);
    });
  });

  test("forward passes with one selection after the other leave nothing behind", async () => {
    const methods = ["lora", "mola", "mixlora-switch"] as const;
    for (const method of methods)
      await applyAdapter(model, { method, r: 1, targetModules: "all-linear" }, { name: method });
    await withoutLeak(() => {
      for (const first of methods)
        for (const second of methods) {
          adaptersOf(model).setAdapter([first, second]);
          dispose(model.forward({ inputIds: IDS }).logits);
        }
    });
  });
});

describe("what cannot be is refused", () => {
  let model: ForCausalLM;
  beforeAll(async () => {
    ({ model } = await loadGoldenModel("mixtral/basic"));
  });
  afterAll(() => model.dispose());

  test.each<[string, object, string]>([
    [
      "a target that matches nothing",
      { method: "lora", targetModules: ["q_proj", "query"] },
      "targetModules: expected targets that match a linear map of the model, got query. It has self_attn.q_proj",
    ],
    ["an expression that matches nothing", { method: "lora", targetModules: ".*query" }, 'got ".*query"'],
    [
      "an expression that others would never finish",
      { method: "lora", targetModules: "(([a-z._0-9]+)+)+!" },
      "[a-z._0-9]",
    ],
    [
      "a pattern of ranks that is none",
      { method: "lora", targetModules: ["q_proj"], rankPattern: { "(": 2 } },
      "rankPattern: expected a regular expression of Python",
    ],
    ["an expression that is none", { method: "lora", targetModules: "(" }, 'got "("'],
    ["no target", { method: "lora" }, "targetModules: expected what to adapt, got nothing"],
    [
      "gate and up together and apart",
      { method: "lora", targetModules: ["gate_up_proj", "experts.up_proj"] },
      "model.layers.0.mlp.experts.gate_up_proj: expected gate_up_proj, or gate_proj and up_proj",
    ],
    [
      "an unknown method",
      { method: "ia3", targetModules: ["q_proj"] },
      'applyAdapter: expected one of lora, rslora, dora, loramoe, mola, mixlora, mixlora-dynamic, mixlora-switch, got "ia3"',
    ],
  ])("%s", async (_, config, message) => {
    const applied = applyAdapter(model, config as AdapterConfigInput);
    await expect(applied).rejects.toThrow(AdapterError);
    await expect(applyAdapter(model, config as AdapterConfigInput)).rejects.toThrow(message);
    expect(adaptersOf(model).names).toEqual([]);
  });

  test.each<[object, string]>([
    [{ method: "lora", r: 0 }, "r: expected an integer from 1 to 65536, got 0"],
    [{ method: "lora", r: 1e9 }, "r: expected an integer from 1 to 65536, got 1000000000"],
    [{ method: "mola", numExperts: 1e9 }, "numExperts: expected an integer from 2 to 4096, got 1000000000"],
    [{ method: "lora", loraAlpha: Number.NaN }, "loraAlpha: expected a number, got NaN"],
    [{ method: "lora", loraDropout: 1 }, "loraDropout: expected a number of at least 0 and below 1, got 1"],
    [{ method: "lora", rank: 4 }, 'rank: expected a field of the adapter config, got "rank"'],
    [{ method: "mola", numExperts: 2, topK: 3 }, "topK: expected at most the number of experts, 2, got 3"],
    [{ method: "mixlora", useDora: true }, "useDora"],
  ])("%j", async (config, message) => {
    const input = { targetModules: ["q_proj"], ...config } as unknown as AdapterConfigInput;
    await expect(applyAdapter(model, input)).rejects.toThrow(ConfigError);
    await expect(applyAdapter(model, input)).rejects.toThrow(message);
  });

  test("arguments of another type", async () => {
    const config: AdapterConfigInput = { method: "lora", r: 2, targetModules: ["q_proj"] };
    const calls: [Promise<unknown>, string][] = [
      [
        applyAdapter(undefined as never, config),
        "applyAdapter: model: expected a model, loaded and awaited, got undefined",
      ],
      [applyAdapter(model, undefined as never), 'applyAdapter: expected a config, such as { method: "lora"'],
      [
        applyAdapter(model, config, { name: "" }),
        'applyAdapter: name: expected a name of at least one character, got ""',
      ],
      [applyAdapter(model, config, { name: 3 as never }), "applyAdapter: name: expected a name"],
      [applyAdapter(model, config, { seed: Number.NaN }), "applyAdapter: seed: expected an integer, got NaN"],
      [loadAdapter(model, ".", { ignore: "r" as never }), 'loadAdapter: ignore: expected a list of keys, got "r"'],
      [loadAdapter(model, ".", { onWarning: 1 as never }), "loadAdapter: onWarning: expected a function, got 1"],
      [
        applyAdapter(model, { ...config, r: 65_536, targetModules: ["gate_up_proj"], loraBias: true }),
        "loraBias: expected LoRA at linear maps, got LoRA at model.layers.0.mlp.experts.gate_up_proj",
      ],
    ];
    for (const [call, message] of calls) await expect(call).rejects.toThrow(message);
    expect(() => adaptersOf(model).setAdapter(3 as never)).toThrow("setAdapter: expected the name of an adapter, null");
  });

  test("names", async () => {
    const adapters = adaptersOf(model);
    await applyAdapter(model, { method: "mola", r: 1, targetModules: ["q_proj"] }, { name: "one" });
    await expect(applyAdapter(model, { method: "lora", targetModules: ["q_proj"] }, { name: "one" })).rejects.toThrow(
      "a name that no adapter of the model has",
    );
    expect(() => adapters.setAdapter("two")).toThrow('adapter: expected one of one, got "two"');
    expect(() => adapters.setAdapter([])).toThrow("got no row");
    adapters.setAdapter(["one", null, "one"]);
    expect(() => model.forward({ inputIds: IDS })).toThrow(
      "setAdapter: expected an adapter for each row of the batch, got 3 for 2 rows",
    );
    await expect(adapters.merge("one")).rejects.toThrow("expected LoRA, rsLoRA or DoRA, got mola");
    expect(() => adapters.unmerge()).toThrow("expected a merged adapter, got none");
    const batch = { adapter: "one", inputIds: IDS, labels: IDS };
    expect(() => adapterLosses(model, [])).toThrow("adapterLosses: expected at least one adapter");
    expect(() => adapterLosses(model, [batch, batch])).toThrow("one: expected each adapter once");
    expect(() => adapterLosses(model, [{ ...batch, labels: [[1]] }])).toThrow("one: expected 2 rows of 5 tokens");
    const ignored = IDS.map((row) => row.map(() => -100));
    expect(() => adapterLosses(model, [{ ...batch, labels: ignored }])).toThrow("labels: expected at least one");
    adapters.delete("one");
  });

  test("an adapter of another model, naming all that is wrong with it", async () => {
    const { folder } = goldenAdapters.find(({ name }) => name === "qwen3-moe/lora-experts")!;
    const loading = loadAdapter(model, folder);
    await expect(loading).rejects.toThrow(AdapterError);
    await expect(loadAdapter(model, folder)).rejects.toThrow(
      "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight is [48,2] and should be [32,2]",
    );
    await expect(loadAdapter(model, "/nowhere")).rejects.toThrow(
      "/nowhere/adapter_config.json: expected a file, got none",
    );
    expect(adaptersOf(model).names).toEqual([]);
  });

  test("keys of a config that mean what is not done here", async () => {
    const files = (config: object) =>
      new Map([["adapter_config.json", new TextEncoder().encode(JSON.stringify(config))]]);
    const lora = { peft_type: "LORA", r: 2, lora_alpha: 2, target_modules: ["q_proj"] };
    for (const [key, value] of Object.entries({
      init_lora_weights: "pissa_niter_4",
      layer_replication: [[0, 2]],
      alora_invocation_tokens: [5, 6],
      arrow_config: { top_k: 1 },
      kasa_config: { beta: 1 },
      use_bdlora: { nblocks: 2 },
      monteclora_config: { num_samples: 2 },
      peft_type: "IA3",
    })) {
      const loading = loadAdapter(model, files({ ...lora, [key]: value }));
      await expect(loading, key).rejects.toThrow(AdapterError);
      await expect(loading, key).rejects.toThrow(`adapter_config.json: ${key}: expected`);
    }
    await expect(loadAdapter(model, files({ ...lora, peft_type: "IA3" }))).rejects.toThrow("merge_and_unload");
    await expect(loadAdapter(model, files({ ...lora, peft_type: { toString: 1 } }))).rejects.toThrow(
      'adapter_config.json: peft_type: expected "LORA", or a mixture of MoE-PEFT, got {"toString":1}',
    );
    await expect(loadAdapter(model, files({ ...lora, peft_type: "PREFIX_TUNING" }))).rejects.toThrow(
      "It cannot be merged into a model: run it in Hugging Face peft",
    );
    await expect(loadAdapter(model, files(lora))).rejects.toThrow(
      "adapter_model.safetensors: expected a file, got none",
    );
  });
});
