/** Parameters of the model that an adapter has copies of: modules that train in full, the embedding and the head. */

import type { ForCausalLM } from "@mixtape/decoder";
import { valueAndGradientsOf } from "@mixtape/ops";
import { expectAllClose, onEachEngine, withoutLeak } from "@mixtape/testing";
import { dispose, slice, type Tensor } from "@tensorflow/tfjs-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type AdapterConfigInput, AdapterError, adapterLosses, adaptersOf, applyAdapter } from "../../src/index.js";
import { loadGoldenModel } from "../support/golden-adapters.js";
import { fillWithNoise } from "../support/noise.js";

const IDS = [
  [3, 14, 15, 92, 65],
  [35, 89, 79, 32, 38],
  [46, 26, 43, 38, 32],
];
const EVERYTHING: AdapterConfigInput = {
  method: "lora",
  r: 2,
  targetModules: ["q_proj"],
  modulesToSave: ["embed_tokens", "lm_head", "norm", "gate"],
};

onEachEngine(() => {
  describe.each(["mixtral/basic", "mixtral/rope-linear"])("%s", (name) => {
    let model: ForCausalLM;
    let alone: Tensor;
    beforeAll(async () => {
      ({ model } = await loadGoldenModel(name));
      alone = model.forward({ inputIds: IDS }).logits;
    });
    afterEach(() => {
      for (const name of adaptersOf(model).names) adaptersOf(model).delete(name);
    });
    afterAll(() => {
      alone.dispose();
      model.dispose();
    });

    test("copies start as the model's parameters, and train where these do not", async () => {
      await withoutLeak(async () => {
        const adapter = await applyAdapter(model, EVERYTHING);
        expect(adapter.table.map(({ module }) => module)).toEqual(
          expect.arrayContaining(["model.embed_tokens", "lm_head", "model.norm", "model.layers.1.mlp.gate"]),
        );
        const { logits } = model.forward({ inputIds: IDS });
        await expectAllClose(logits, alone, { atol: 1e-5 });
        logits.dispose();
        const trained = adapter.trainableParams().map(([, param]) => param);
        expect(trained).toHaveLength([...adapter.namedParameters()].length);
        const { value, gradients } = valueAndGradientsOf(
          () => adapterLosses(model, [{ adapter: "default", inputIds: IDS, labels: IDS }]).loss,
          trained.flatMap(({ weight }) => weight.parts as Tensor[]),
        );
        expect(gradients.filter((gradient) => gradient === undefined)).toEqual([]);
        dispose([value, ...(gradients as Tensor[])]);
        adaptersOf(model).delete("default");
      });
    });

    test("the model saves its own parameters, whatever adapter is selected", async () => {
      const bytesOf = async () =>
        Promise.all(
          [...model.tensorsToWrite()].map(
            async ({ name, bytes }) => [name, typeof bytes === "function" ? await bytes() : bytes] as const,
          ),
        );
      const before = await bytesOf();
      fillWithNoise(await applyAdapter(model, EVERYTHING), 1);
      expect(await bytesOf()).toEqual(before);
    });

    test("rows of a batch have the embedding and the head of their adapter", async () => {
      const saved: AdapterConfigInput = { ...EVERYTHING, modulesToSave: ["embed_tokens", "lm_head", "gate"] };
      fillWithNoise(await applyAdapter(model, saved, { name: "saved" }), 1);
      const low: AdapterConfigInput = { method: "dora", r: 2, targetModules: ["embed_tokens", "lm_head", "o_proj"] };
      fillWithNoise(await applyAdapter(model, low, { name: "low" }), 2);
      const adapters = adaptersOf(model);
      const rows = ["saved", "low", null] as const;
      adapters.setAdapter(rows);
      const together = model.forward({ inputIds: IDS }).logits;
      for (const [i, row] of rows.entries()) {
        const { logits } = adapters.with(row, () => model.forward({ inputIds: [IDS[i]!] }));
        const own = slice(together, [i, 0, 0], [1, -1, -1]);
        await expectAllClose(own, logits, { atol: 2e-5 }, `${row}`);
        dispose([logits, own]);
      }
      together.dispose();
    });

    test("norms are those of one adapter for a whole batch", async () => {
      await applyAdapter(model, EVERYTHING, { name: "norms" });
      const adapters = adaptersOf(model);
      expect(() => adapters.setAdapter(["norms", null, "norms"])).toThrow(
        "setAdapter: expected adapters that leave norms, routers' biases and the like as they are",
      );
      expect(adapters.activeAdapter).toBe("norms");
      adapters.setAdapter(["norms", "norms", "norms"]);
      adapters.disable();
      const { logits } = model.forward({ inputIds: IDS });
      await expectAllClose(logits, alone, { atol: 1e-5 });
      logits.dispose();
      adapters.enable();
    });
  });

  test("an embedding and a head that are tied have one copy where that is asked for", async () => {
    const { model } = await loadGoldenModel("mixtral/rope-linear");
    const config = { ...EVERYTHING, modulesToSave: ["lm_head"], ensureWeightTying: true } as AdapterConfigInput;
    const adapter = await applyAdapter(model, config);
    expect(adapter.copies.map(({ name }) => name)).toEqual(["model.embed_tokens.weight", "lm_head.weight"]);
    expect(new Set(adapter.copies.map(({ copy }) => copy)).size).toBe(1);
    fillWithNoise(adapter, 3);
    const { logits } = model.forward({ inputIds: IDS });
    await adaptersOf(model).merge("default");
    const merged = model.forward({ inputIds: IDS }).logits;
    await expectAllClose(merged, logits, { atol: 1e-4 });
    dispose([logits, merged]);
    model.dispose();
  });
});

describe("what cannot be is refused", () => {
  test.each<[string, object, string]>([
    [
      "mixtral/basic",
      { modulesToSave: ["nothing"] },
      "modulesToSave: expected ends of names of modules, such as embed",
    ],
    ["mixtral/basic", { modulesToSave: ["mlp"] }, "which holds model.layers.0.mlp.experts.gate_proj"],
    ["mixtral/basic", { modulesToSave: ["q_proj"] }, "targetModules: expected targets that match"],
    ["mixtral/basic", { trainableTokenIndices: [3] }, "trainableTokenIndices: expected nothing for a new adapter"],
    ["mixtral/basic", { initLoraWeights: "eva" }, 'initLoraWeights: expected true or "gaussian"'],
    [
      "mixtral/rope-linear",
      { targetModules: ["embed_tokens"], ensureWeightTying: true },
      "ensureWeightTying: expected no LoRA at an embedding or head that are tied",
    ],
  ])("%s %j", async (name, config, message) => {
    const { model } = await loadGoldenModel(name);
    const input = { method: "lora", r: 2, targetModules: ["q_proj"], ...config } as AdapterConfigInput;
    await expect(applyAdapter(model, input)).rejects.toThrow(AdapterError);
    await expect(applyAdapter(model, input)).rejects.toThrow(message);
    expect(adaptersOf(model).names).toEqual([]);
    model.dispose();
  });
});
