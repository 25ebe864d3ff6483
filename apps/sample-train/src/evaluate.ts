/** The loss of texts that are held out. */

import { setImmediate } from "node:timers/promises";
import { causalLoss, readBatch } from "@mixtape/decoder";
import type { CausalLM } from "@mixtape/mixtape";
import { adaptersOf } from "@mixtape/peft";
import { batchesOf, countLabels, type TrainingBatch } from "@mixtape/training";
import { tidy } from "@tensorflow/tfjs-core";
import type { Texts } from "./plan.js";
import { EvaluationProgress } from "./progress.js";
import type { Settings } from "./settings.js";

/** Nats per token, by learner; null where nothing is held out, or where the signal came. */
export async function evaluate(
  model: CausalLM,
  { learners, eval: path }: Settings,
  { byPath }: Texts,
  signal: AbortSignal,
): Promise<Record<string, number> | null> {
  if (path === null) return null;
  const parts = learners.map(({ name, adapter, batchSize, maxLength }) => ({
    name,
    selection: adapter && name,
    data: batchesOf(byPath.get(path)!, { batchSize, maxLength, seed: null }),
  }));
  const all = parts.reduce((count, { data }) => count + data.batchesPerEpoch, 0);
  const progress = new EvaluationProgress(all);
  const adapters = adaptersOf(model);
  const losses: Record<string, number> = {};
  try {
    for (const { name, selection, data } of parts) {
      let [sum, labels] = [0, 0];
      for (let i = 0; i < data.batchesPerEpoch; i++) {
        // Ctrl-C gets its turn.
        await setImmediate();
        if (signal.aborted) return null;
        const batch = data.batch(i);
        sum += await adapters.with(selection, () => lossOf(model, batch));
        labels += countLabels(batch);
        progress.step();
      }
      losses[name] = sum / labels;
    }
    return losses;
  } finally {
    progress.end();
  }
}

/** The sum over all labels of a batch. */
async function lossOf(model: CausalLM, { labels, ...tokens }: TrainingBatch): Promise<number> {
  const loss = tidy(() => causalLoss(model.forward(tokens).logits, readBatch(labels, "labels"), 1));
  const [sum] = await loss.data();
  loss.dispose();
  return sum!;
}
