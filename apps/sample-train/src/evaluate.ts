/** The loss of texts that are held out. */

import { causalLoss, readBatch } from "@mixtape/decoder";
import type { CausalLM } from "@mixtape/mixtape";
import { adaptersOf } from "@mixtape/peft";
import { batchesOf, countLabels } from "@mixtape/training";
import { tidy } from "@tensorflow/tfjs-core";
import type { Texts } from "./plan.js";
import type { Settings } from "./settings.js";

/**
 * Nats per token, by learner; null where nothing is held out. The adapter that was selected before is selected after.
 */
export async function evaluate(
  model: CausalLM,
  { learners, eval: path }: Settings,
  { byPath }: Texts,
): Promise<Record<string, number> | null> {
  if (path === null) return null;
  const adapters = adaptersOf(model);
  const before = adapters.selection;
  const losses: Record<string, number> = {};
  for (const { name, adapter, batchSize, maxLength } of learners) {
    if (adapter) adapters.select(name);
    const data = batchesOf(byPath.get(path)!, { batchSize, maxLength, seed: null });
    let [sum, labels] = [0, 0];
    for (let i = 0; i < data.batchesPerEpoch; i++) {
      const batch = data.batch(i);
      const loss = tidy(() => {
        const { labels, ...tokens } = batch;
        return causalLoss(model.forward(tokens).logits, readBatch(labels, "labels"), 1);
      });
      sum += (await loss.data())[0]!;
      labels += countLabels(batch);
      loss.dispose();
    }
    losses[name] = sum / labels;
  }
  adapters.select(before);
  return losses;
}
