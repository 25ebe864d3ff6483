/** Held-out loss. */

import type { ForCausalLM } from "@mixtape/mixtape";
import { adaptersOf } from "@mixtape/peft";
import { dataLoader, evaluate } from "@mixtape/training";
import type { Texts } from "./plan.js";
import { EvaluationProgress } from "./progress.js";
import type { TrainingArguments } from "./training-arguments.js";

/** Returns nats per token, by job; null if nothing is held out, or after an abort. */
export async function evaluateJobs(
  model: ForCausalLM,
  { jobs, eval: path }: TrainingArguments,
  { byPath }: Texts,
  signal: AbortSignal | undefined,
): Promise<Record<string, number> | null> {
  if (path === null) return null;
  const parts = jobs.map(({ name, adapter, batchSize, maxLength }) => ({
    name,
    selection: adapter && name,
    data: dataLoader(byPath.get(path)!, { batchSize, maxLength, seed: null }),
  }));
  const progress = new EvaluationProgress(parts.reduce((count, { data }) => count + data.batchesPerEpoch, 0));
  const adapters = adaptersOf(model);
  const losses: Record<string, number> = {};
  try {
    for (const { name, selection, data } of parts) {
      const forward: ForCausalLM["forward"] = (inputs) => adapters.with(selection, () => model.forward(inputs));
      losses[name] = (await evaluate({ forward }, data, { signal, onBatch: () => progress.step() })).loss;
    }
    return losses;
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return null;
    throw error;
  } finally {
    progress.end();
  }
}
