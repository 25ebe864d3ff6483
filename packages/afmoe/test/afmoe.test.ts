import { conformance, expectAllClose, onEachEngine } from "@mixtape/testing";
import { tidy } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { AfmoeForCausalLM, afmoeConfig } from "../src/index.js";

conformance(AfmoeForCausalLM, { goldens: "afmoe", atLeast: 16 });

const tiny = {
  vocabSize: 20,
  hiddenSize: 8,
  intermediateSize: 6,
  moeIntermediateSize: 4,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  headDim: 4,
  numExperts: 3,
  numExpertsPerTok: 2,
  numSharedExperts: 2,
} as const;

test("the bias of the router lies beside it on disk, and is called neither weight nor bias", () => {
  const model = new AfmoeForCausalLM(afmoeConfig.create(tiny));
  const shapes = [...model.tensorsToWrite()].map(({ name, shape }) => `${name} [${shape}]`);
  expect(shapes.filter((line) => line.startsWith("model.layers.1.mlp."))).toEqual([
    "model.layers.1.mlp.router.gate.weight [3,8]",
    "model.layers.1.mlp.expert_bias [3]",
    ...["gate_proj", "up_proj", "down_proj"].flatMap((matrix) =>
      [0, 1, 2].map(
        (e) => `model.layers.1.mlp.experts.${e}.${matrix}.weight [${matrix === "down_proj" ? "8,4" : "4,8"}]`,
      ),
    ),
    // Two shared experts are one of twice the width.
    "model.layers.1.mlp.shared_experts.gate_proj.weight [8,8]",
    "model.layers.1.mlp.shared_experts.up_proj.weight [8,8]",
    "model.layers.1.mlp.shared_experts.down_proj.weight [8,8]",
  ]);
  expect(shapes).toContain("model.layers.0.self_attn.gate_proj.weight [8,8]");
});

onEachEngine(() => {
  test("positions turn the sliding layers alone", async () => {
    const model = new AfmoeForCausalLM(
      afmoeConfig.create({ ...tiny, layerTypes: ["full_attention", "full_attention"] }),
    );
    const sliding = new AfmoeForCausalLM(
      afmoeConfig.create({ ...tiny, layerTypes: ["full_attention", "sliding_attention"] }),
    );
    for (const one of [model, sliding]) await one.initialize({ std: 0.3 });
    const at = (one: AfmoeForCausalLM, positions: number[]) =>
      tidy(() => one.forward({ inputIds: [[1, 2, 3]], positionIds: [positions] }).logits);
    const logits = [
      at(model, [0, 1, 2]),
      at(model, [5, 0, 19]),
      at(sliding, [0, 1, 2]),
      at(sliding, [5, 0, 19]),
    ] as const;
    await expectAllClose(logits[0], logits[1], { atol: 0 });
    await expect(expectAllClose(logits[2], logits[3], { atol: 1e-3 })).rejects.toThrow("Worst at");
    for (const one of [...logits, model, sliding]) one.dispose();
  });

  test("there is no auxiliary loss", async () => {
    const model = new AfmoeForCausalLM(afmoeConfig.create(tiny));
    await model.initialize();
    tidy(() => {
      const inputs = { inputIds: [[1, 2, 3]], labels: [[1, 2, 3]] };
      const asked = model.forward({ ...inputs, outputRouterLogits: true });
      expect(asked).not.toHaveProperty("auxLoss");
      expect(asked.loss!.dataSync()).toEqual(model.forward(inputs).loss!.dataSync());
    });
    model.dispose();
  });
});
