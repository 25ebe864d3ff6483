/** A run of a model with a head: its labelled texts, its training and its evaluation. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { whole } from "@mixtape/command-line";
import { aboutAdapter, type HeadOptions } from "@mixtape/command-line/load";
import {
  type AnyModel,
  type ForQuestionAnswering,
  type ForSequenceClassification,
  type ForTokenClassification,
  HEADS,
  type Task,
  type Tokenizer,
} from "@mixtape/mixtape";
import { type AdapterConfigInput, applyAdapter } from "@mixtape/peft";
import {
  type EpochData,
  type HeadBatchesOptions,
  type HeadEvaluateOptions,
  type HeadEvaluation,
  type LabelledDataset,
  QuestionAnsweringTask,
  type QuestionExample,
  questionBatches,
  readQuestionDataset,
  readSequenceDataset,
  readTokenDataset,
  SequenceClassificationTask,
  type SequenceDataset,
  type SequenceExample,
  sequenceBatches,
  TokenClassificationTask,
  type TokenExample,
  type TrainingTask,
  tokenBatches,
  train,
  unfreeze,
} from "@mixtape/training";
import { withDigest } from "./data-file.js";
import { aboutCourse, checkContext, optimizerOf, type Plan, stepsOf } from "./plan.js";
import { EvaluationProgress } from "./progress.js";
import type { TrainingArguments } from "./training-arguments.js";

/** A task with a head. */
export type HeadTaskName = Exclude<Task, "text-generation" | "feature-extraction">;

/** Labelled texts of a run. */
export interface HeadTexts {
  readonly task: HeadTaskName;
  readonly examples: readonly unknown[];
  readonly heldOut: readonly unknown[] | null;
  readonly digests: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  /** Config for loading the model: its classes, and its padding token. */
  readonly head: HeadOptions;
  readonly padId: number;
}

const READERS = {
  "text-classification": readSequenceDataset,
  "token-classification": readTokenDataset,
  "question-answering": readQuestionDataset,
};

/**
 * Reads the files of a run. Classes are those of the model, if it has such a head already, or else those of the file.
 * @throws {InputError} if a file does not exist
 * @throws {DataError} naming an invalid row
 */
export async function headTextsOf(args: TrainingArguments, tokenizer: Tokenizer): Promise<HeadTexts> {
  const { jobs, eval: heldOutPath, ignoreKeys, model, seed } = args;
  const task = args.task as HeadTaskName;
  const { data, maxLength } = jobs[0]!;
  const config = configIn(model);
  const own = hasHead(config, task) ? (config.id2label as Readonly<Record<number, string>> | undefined) : undefined;
  const digests: Record<string, string> = {};
  const warnings: string[] = [];
  const read = async (path: string, id2label: Readonly<Record<number, string>> | null | undefined) => {
    const options = { name: path, ignoreKeys, maxLength, ...(id2label && { id2label }) };
    const dataset = await withDigest(
      path,
      (bytes): Promise<LabelledDataset<unknown>> => READERS[task](bytes, tokenizer, options),
    );
    digests[path] = dataset.sha256;
    warnings.push(...dataset.warnings);
    return dataset;
  };
  const dataset: LabelledDataset<unknown> & Pick<Partial<SequenceDataset>, "problemType"> = await read(data, own);
  const { examples, id2label, problemType } = dataset;
  const heldOut = heldOutPath === null ? null : (await read(heldOutPath, id2label)).examples;
  const known = config.pad_token_id;
  const hasPad = typeof known === "number" && known >= 0;
  const padId = hasPad ? known : (tokenizer.padTokenId ?? tokenizer.eosTokenId ?? 0);
  // A sequence classifier uses the last token that is not padding, so it has to know the padding.
  const isNewPad = !hasPad && task === "text-classification";
  const changes = {
    ...(id2label && { id2label }),
    ...(problemType && { problemType }),
    ...(isNewPad && { padTokenId: padId }),
  };
  return { task, examples, heldOut, digests, warnings, head: { config: changes, seed }, padId };
}

/** A plan, and its evaluation on held-out texts. */
export interface HeadPlan extends Plan {
  /** Computes the held-out loss and scores; null without held-out texts, or after an abort. */
  readonly evaluate: (signal: AbortSignal | undefined) => Promise<HeadEvaluation | null>;
}

/**
 * Applies the adapter to the model, or makes the model trainable.
 * @throws {AdapterError} if the targets of an adapter match nothing
 */
export async function headPlanOf(model: AnyModel, args: TrainingArguments, texts: HeadTexts): Promise<HeadPlan> {
  const { jobs, accumulate, seed, zLossCoef, expertBiasRate, gradientCheckpointing } = args;
  const job = jobs[0]!;
  checkContext(job, model.config);
  const { name, adapter: config } = job;
  const adapter = config ? await applyAdapter(model, config as AdapterConfigInput, { name, seed }) : null;
  const params = adapter ? adapter.trainableParams() : unfreeze(model);
  const auxLossCoef = args.auxLossCoef ?? 0;
  const options = { params, auxLossCoef, zLossCoef, expertBiasRate, gradientCheckpointing };
  const what = adapter
    ? `${name}: ${aboutAdapter(adapter)}`
    : `the model: ${whole(params.reduce((sum, [, { size }]) => sum + size, 0))} parameters`;
  const planFor = <B>(
    task: EvaluatedTask<B>,
    batches: (examples: readonly unknown[], options: HeadBatchesOptions) => EpochData<B>,
  ): HeadPlan => {
    const batching = { batchSize: job.batchSize, padId: texts.padId };
    const data = batches(texts.examples, { ...batching, seed });
    const heldOut = texts.heldOut && batches(texts.heldOut, { ...batching, seed: null });
    const steps = args.steps ?? stepsOf(job, data, accumulate);
    const common = { maxSteps: steps, optimizer: optimizerOf(jobs, [steps]), accumulate, seed };
    return {
      train: (more) => train(task, data, { ...common, ...more }),
      steps,
      about: `${what}; ${aboutCourse(texts.examples.length, steps, (steps * accumulate) / data.batchesPerEpoch)}`,
      truncations: [],
      evaluate: async (signal) => (heldOut ? evaluated(task, heldOut, signal) : null),
    };
  };
  switch (texts.task) {
    case "text-classification":
      return planFor(new SequenceClassificationTask(model as ForSequenceClassification, options), (rows, batching) =>
        sequenceBatches(rows as SequenceExample[], batching),
      );
    case "token-classification":
      return planFor(new TokenClassificationTask(model as ForTokenClassification, options), (rows, batching) =>
        tokenBatches(rows as TokenExample[], batching),
      );
    case "question-answering":
      return planFor(new QuestionAnsweringTask(model as ForQuestionAnswering, options), (rows, batching) =>
        questionBatches(rows as QuestionExample[], batching),
      );
  }
}

/** A task that can be evaluated on batches of its kind. */
interface EvaluatedTask<B> extends TrainingTask<B> {
  evaluate(data: EpochData<B>, options: HeadEvaluateOptions): Promise<HeadEvaluation>;
}

/** Evaluates, with a progress bar; null after an abort. */
async function evaluated<B>(
  task: EvaluatedTask<B>,
  data: EpochData<B>,
  signal: AbortSignal | undefined,
): Promise<HeadEvaluation | null> {
  const progress = new EvaluationProgress(data.batchesPerEpoch);
  try {
    return await task.evaluate(data, { signal, onBatch: () => progress.step() });
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return null;
    throw error;
  } finally {
    progress.end();
  }
}

/** Reads the `config.json` of a model; loading reports errors in it. */
function configIn(model: string): Readonly<Record<string, unknown>> {
  const path = join(model, "config.json");
  try {
    return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function hasHead({ architectures }: Readonly<Record<string, unknown>>, task: HeadTaskName): boolean {
  return Array.isArray(architectures) && architectures.some((name) => String(name).endsWith(HEADS[task].head));
}
