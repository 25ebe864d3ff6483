import { conformance } from "@mixtape/testing";
import { expect, test } from "vitest";
import { Qwen3MoeForCausalLM, qwen3MoeConfig } from "../src/index.js";

conformance(Qwen3MoeForCausalLM, { goldens: "qwen3-moe", atLeast: 17 });

test("dense layers and mixtures alternate as the config says, and heads have their norms", () => {
  const config = qwen3MoeConfig.create({
    vocabSize: 20,
    hiddenSize: 8,
    intermediateSize: 10,
    moeIntermediateSize: 4,
    numHiddenLayers: 4,
    numAttentionHeads: 2,
    numKeyValueHeads: 1,
    headDim: 6,
    numExperts: 1,
    numExpertsPerTok: 1,
    decoderSparseStep: 2,
    mlpOnlyLayers: [3],
  });
  const shapes = [...new Qwen3MoeForCausalLM(config).tensorsToWrite()].map(({ name, shape }) => `${name} [${shape}]`);
  expect(shapes.filter((line) => line.includes("mlp.") && !line.includes("down"))).toEqual([
    "model.layers.0.mlp.gate_proj.weight [10,8]",
    "model.layers.0.mlp.up_proj.weight [10,8]",
    "model.layers.1.mlp.gate.weight [1,8]",
    "model.layers.1.mlp.experts.0.gate_proj.weight [4,8]",
    "model.layers.1.mlp.experts.0.up_proj.weight [4,8]",
    "model.layers.2.mlp.gate_proj.weight [10,8]",
    "model.layers.2.mlp.up_proj.weight [10,8]",
    "model.layers.3.mlp.gate_proj.weight [10,8]",
    "model.layers.3.mlp.up_proj.weight [10,8]",
  ]);
  expect(shapes).toContain("model.layers.2.self_attn.q_norm.weight [6]");
  expect(shapes).toContain("model.layers.2.self_attn.k_norm.weight [6]");
});
