/** A run that is short and uses all that a checkpoint has to bring back: noise, shuffled and packed texts, schedule, accumulation. */

import { MixtralForCausalLM, mixtralConfig } from "@mixtape/mixtral";
import { cosineSchedule, dataLoader, train, unfreeze } from "@mixtape/training";
import { env, setBackend } from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";

export const MAX_STEPS = 60;

/**
 * Runs it from where it was saved in a folder to its end.
 * @param {string} folder
 * @param {(line: string) => void} tell
 */
async function tinyRun(folder, tell) {
  env().set("PROD", true);
  await setBackend("cpu");
  const model = new MixtralForCausalLM(
    mixtralConfig.create({
      vocabSize: 20,
      hiddenSize: 8,
      intermediateSize: 8,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      numKeyValueHeads: 1,
      numExperts: 4,
      numExpertsPerTok: 2,
      routerJitterNoise: 0.1,
    }),
  );
  await model.initialize({ seed: 3, std: 0.3 });
  unfreeze(model);
  const examples = Array.from({ length: 9 }, (_, i) => ({
    inputIds: Array.from({ length: 3 + (i % 4) }, (_, at) => (i * 7 + at * at * 3) % 20),
  }));
  const data = dataLoader(examples, { batchSize: 1, maxLength: 8, pack: true, seed: 5 });
  const options = {
    maxSteps: MAX_STEPS,
    accumulate: 2,
    seed: 11,
    optimizer: {
      learningRate: 0.02,
      schedule: cosineSchedule({ warmupSteps: 3, totalSteps: MAX_STEPS }),
      maxGradNorm: 1,
    },
    checkpoints: { folder, every: 2 },
  };
  tell("ready");
  for await (const { step, loss } of train(model, data, options)) tell(`${step} ${loss}`);
  model.dispose();
}

const [, script, folder] = process.argv;
if (folder && script?.endsWith("tiny-run.js")) await tinyRun(folder, (line) => console.log(line));
