import { MixtralForCausalLM, mixtralConfig } from "@mixtape/mixtral";
import { unfreeze } from "../../src/index.js";

/** A model so small that hundreds of steps take a moment. Same values each time. */
export async function smallModel(more: object = {}): Promise<MixtralForCausalLM> {
  const model = new MixtralForCausalLM(
    mixtralConfig.create({
      vocabSize: 12,
      hiddenSize: 8,
      intermediateSize: 8,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      numKeyValueHeads: 1,
      numExperts: 3,
      numExpertsPerTok: 2,
      ...more,
    }),
  );
  await model.initialize({ seed: 2, std: 0.3 });
  unfreeze(model);
  return model;
}
