import "@tensorflow/tfjs-backend-cpu";
import { type ConfigOf, decoderConfig, defineConfig, int, mlpLayerTypesWhere, number } from "@mixtape/config";
import { Experts, type FeedForward, MoeBlock, SoftmaxRouter } from "@mixtape/layers";
import { env, memory, setBackend } from "@tensorflow/tfjs-core";
import { expect } from "vitest";
import { defineFamily, expertWeights, ForCausalLM, PreNormDecoderLayer } from "../../src/index.js";

/** Makes tfjs's JavaScript backend the one in use. What differs between engines is tested with the families. */
export async function useCpu(): Promise<void> {
  env().set("PROD", true);
  await setBackend("cpu");
}

export const tinyConfig = defineConfig({
  modelType: "tiny",
  extends: decoderConfig,
  fields: {
    numExperts: int().default(3),
    numExpertsPerTok: int().default(2),
    moeIntermediateSize: int().default(2),
    routerAuxLossCoef: number({ min: 0 }).default(0.5),
  },
  derive: (c) => ({ mlpLayerTypes: mlpLayerTypesWhere(c.numHiddenLayers, (layer) => layer > 0) }),
});
export type TinyConfig = ConfigOf<typeof tinyConfig>;

export class TinyLayer extends PreNormDecoderLayer<TinyConfig> {
  override buildMoe(config: TinyConfig): FeedForward {
    return new MoeBlock({ router: new SoftmaxRouter(config), experts: new Experts(config) });
  }
}

/** A family of two layers, the first dense, the second with three experts, stacked on disk under names of their own. */
export const tinyFamily = defineFamily({
  name: "Tiny",
  config: tinyConfig,
  layer: TinyLayer,
  names: expertWeights({ gate: "w1", up: "w3", down: "w2" }),
});

export class TinyForCausalLM extends ForCausalLM<TinyConfig> {
  static readonly family = tinyFamily;
}

export function tinyOf(changes: Partial<TinyConfig> = {}): TinyConfig {
  return tinyConfig.create({
    vocabSize: 11,
    hiddenSize: 4,
    intermediateSize: 6,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    numKeyValueHeads: 1,
    maxPositionEmbeddings: 32,
    ...changes,
  });
}

/** A tiny model with random weights. */
export async function tiny(changes: Partial<TinyConfig> = {}): Promise<TinyForCausalLM> {
  const model = new TinyForCausalLM(tinyOf(changes));
  await model.initialize({ seed: 3, std: 0.4 });
  return model;
}

/** Runs `f`, which must leave as many tensors as there were. */
export async function withoutLeak<T>(f: () => T | Promise<T>): Promise<T> {
  const before = memory().numTensors;
  const result = await f();
  expect(memory().numTensors).toBe(before);
  return result;
}
