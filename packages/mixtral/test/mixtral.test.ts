import { conformance } from "@mixtape/testing";
import { expect, test } from "vitest";
import { MixtralForCausalLM, mixtralConfig } from "../src/index.js";

conformance(MixtralForCausalLM, { goldens: "mixtral", atLeast: 15 });

test("the block on disk is called block_sparse_moe, its matrices w1 for gate, w3 for up and w2 for down", () => {
  const config = mixtralConfig.create({
    vocabSize: 20,
    hiddenSize: 8,
    intermediateSize: 6,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    numKeyValueHeads: 1,
    numExperts: 2,
  });
  const shapes = [...new MixtralForCausalLM(config).tensorsToWrite()].map(({ name, shape }) => `${name} [${shape}]`);
  expect(shapes.filter((line) => line.includes("mlp") || line.includes("moe"))).toEqual([
    "model.layers.0.block_sparse_moe.gate.weight [2,8]",
    "model.layers.0.block_sparse_moe.experts.0.w1.weight [6,8]",
    "model.layers.0.block_sparse_moe.experts.1.w1.weight [6,8]",
    "model.layers.0.block_sparse_moe.experts.0.w3.weight [6,8]",
    "model.layers.0.block_sparse_moe.experts.1.w3.weight [6,8]",
    "model.layers.0.block_sparse_moe.experts.0.w2.weight [8,6]",
    "model.layers.0.block_sparse_moe.experts.1.w2.weight [8,6]",
  ]);
});
