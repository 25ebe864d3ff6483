/** Adapters that train in one batch, against each in a separate run. */

import type { ForCausalLM } from "@mixtape/decoder";
import { type Adapter, type AdapterBatch, adapterLosses, applyAdapter } from "@mixtape/peft";
import { countLabels, countTokens, type TrainingTask, train } from "@mixtape/training";
import { timed } from "../child/repeat.js";
import type { TogetherAnswer } from "./answers.js";
import { collectSteps, type Pace } from "./steps.js";
import { rowsOf, type TogetherTask } from "./tasks.js";

type Batch = readonly AdapterBatch[];

/** Runs a step of all at once, and a step of each, in turns. */
export async function measureTogether(
  model: ForCausalLM,
  { task, pace }: { task: TogetherTask; pace: Pace },
): Promise<TogetherAnswer> {
  const adapters = Object.entries(task.adapters);
  const made: Adapter[][] = [];
  for (const way of ["together", "apart"]) {
    const own: Adapter[] = [];
    for (const [name, config] of adapters) own.push(await applyAdapter(model, config, { name: `${name}-${way}` }));
    made.push(own);
  }
  const [together, apart] = made as [Adapter[], Adapter[]];
  const all = stepsOf(model, together, task);
  const each = apart.map((adapter) => stepsOf(model, [adapter], task));
  const rounds: { together: number; apart: number }[] = [];
  const measured = await collectSteps(async () => {
    const togetherMs = await timed(() => all.next());
    const apartMs = await timed(async () => {
      for (const steps of each) await steps.next();
    });
    rounds.push({ together: togetherMs, apart: apartMs });
  }, pace);
  const last = rounds.slice(-measured.length);
  return { togetherMs: last.map(({ together }) => together), apartMs: last.map(({ apart }) => apart) };
}

/** Runs adapters that share a batch, each with its own rows. */
function stepsOf(model: ForCausalLM, adapters: readonly Adapter[], task: TogetherTask): AsyncIterator<unknown> {
  const adaptersTask: TrainingTask<Batch> = {
    params: adapters.flatMap((adapter) => adapter.trainableParams()),
    labels: (batch) => sum(batch.map((part) => countLabels(part))),
    tokens: (batch) => sum(batch.map((part) => countTokens(part))),
    loss: (batch) => ({ loss: adapterLosses(model, batch).loss }),
  };
  const data = {
    batch: (index: number): Batch =>
      adapters.map(({ name }, i) => {
        const inputIds = rowsOf(index * adapters.length + i, task, model.config.vocabSize);
        return { adapter: name, inputIds, labels: inputIds };
      }),
  };
  const optimizer = {
    learningRate: 2e-4,
    // Each adapter is clipped by its own gradient norm, as when it trains alone.
    groups: adapters.map(({ name }) => ({
      name,
      match: (param: string) => param.startsWith(`${name}.`),
      maxGradNorm: 1,
    })),
  };
  return train(adaptersTask, data, { maxSteps: Number.MAX_SAFE_INTEGER, optimizer })[Symbol.asyncIterator]();
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
