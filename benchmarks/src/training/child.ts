/** The process that measures training with Mixtape: `child.js REQUEST`. Its last line is the answer. */

import { argv } from "node:process";
import type { ForCausalLM } from "@mixtape/decoder";
import { useEngine } from "@mixtape/engine";
import { MixtapeError } from "@mixtape/errors";
import { loadModel } from "@mixtape/mixtape";
import { applyAdapter, loadAdapter, saveAdapter } from "@mixtape/peft";
import { CausalLMTask, type NamedParam, train, unfreeze } from "@mixtape/training";
import type { Found } from "../runners/runner.js";
import type { TrainingAnswer, TrainingRequest } from "./answers.js";
import { collectSteps } from "./steps.js";
import { rowsOf } from "./tasks.js";
import { measureTogether } from "./together.js";

const [request] = argv.slice(2);
console.log(JSON.stringify(await answer(JSON.parse(request!) as TrainingRequest)));

async function answer(request: TrainingRequest): Promise<object> {
  if (request.kind === "find") return find();
  await useEngine("native");
  switch (request.kind) {
    case "adapter": {
      const adapter = await applyAdapter(await loadModel(request.model), request.adapter);
      await saveAdapter(adapter, request.to);
      return {};
    }
    case "train":
      return measureTraining(request);
    case "together":
      return measureTogether(await loadModel(request.folder), request);
  }
}

async function find(): Promise<Found> {
  try {
    return { description: (await useEngine("native")).description };
  } catch (error) {
    if (error instanceof MixtapeError) return { missing: error.message };
    throw error;
  }
}

/** Trains as a user's program would. */
async function measureTraining({ task, files, pace }: TrainingRequest & { kind: "train" }): Promise<TrainingAnswer> {
  const model = await loadModel(files.model);
  const params = await paramsOf(model, files.adapter);
  const lmTask = new CausalLMTask(model, { params, auxLossCoef: 0 });
  const data = {
    batch: (index: number) => {
      const inputIds = rowsOf(index, task, model.config.vocabSize);
      return { inputIds, labels: inputIds };
    },
  };
  const { learningRate } = task;
  const optimizer = { learningRate, weightDecay: 0.01, maxGradNorm: 1 };
  const steps = train(lmTask, data, { maxSteps: Number.MAX_SAFE_INTEGER, optimizer });
  const losses: number[] = [];
  const stepMs = await collectSteps(async () => {
    const { value } = await steps.next();
    if (value && losses.length < pace.steps) losses.push(value.loss);
  }, pace);
  const trainable = params.reduce((sum, [, param]) => sum + sizeOf(param.shape), 0);
  return { trainable, losses, stepMs };
}

async function paramsOf(model: ForCausalLM, folder: string | null): Promise<NamedParam[]> {
  if (folder === null) return unfreeze(model);
  const adapter = await loadAdapter(model, folder);
  adapter.unfreeze();
  return adapter.trainableParams();
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
