/** Plans a run from its settings: parameters, batches and duration. */

import { InputError, note, plural, whole } from "@mixtape/command-line";
import { aboutAdapter } from "@mixtape/command-line/load";
import { contextLength, type DecoderConfig, type ForCausalLM, type Tokenizer } from "@mixtape/mixtape";
import { type Adapter, type AdapterConfigInput, applyAdapter } from "@mixtape/peft";
import {
  type AdamWOptions,
  AdaptersTask,
  adapterBatches,
  CausalLMTask,
  constantSchedule,
  cosineSchedule,
  dataLoader,
  type Example,
  type ExamplesData,
  linearSchedule,
  type ParamGroup,
  type Schedule,
  type TrainingData,
  type TrainingSteps,
  type TrainingTask,
  type TrainOptions,
  train,
  unfreeze,
} from "@mixtape/training";
import { aboutTruncation } from "./about-truncation.js";
import { readData } from "./data-file.js";
import type { FineTuningJob } from "./fine-tuning-job.js";
import { canPack, type TrainingArguments } from "./training-arguments.js";

/** Texts of a run. */
export interface Texts {
  readonly byPath: ReadonlyMap<string, readonly Example[]>;
  readonly digests: Readonly<Record<string, string>>;
  /** Warnings about the texts. */
  readonly warnings: readonly string[];
}

/** A run that is about to begin. */
export interface Plan {
  /** Starts the run, or resumes the saved one. */
  readonly train: (options: Pick<TrainOptions, "checkpoints" | "evaluation" | "signal">) => TrainingSteps;
  readonly steps: number;
  /** Description of the training: a line for each job. */
  readonly about: string;
  /** Descriptions of truncation: a sentence for each job whose texts are too long. */
  readonly truncations: readonly string[];
}

/** Reads all files of texts. @throws {InputError} */
export async function textsOf(args: TrainingArguments, tokenizer: Tokenizer): Promise<Texts> {
  const { jobs, eval: heldOut, ignoreKeys, chatTemplate } = args;
  const paths = new Set([...jobs.map(({ data }) => data), ...(heldOut === null ? [] : [heldOut])]);
  const byPath = new Map<string, readonly Example[]>();
  const digests: Record<string, string> = {};
  const warnings: string[] = [];
  for (const path of paths) {
    const file = await readData(path, tokenizer, { ignoreKeys, chatTemplate: chatTemplate ?? undefined });
    byPath.set(path, file.examples);
    digests[path] = file.sha256;
    warnings.push(...file.warnings);
  }
  return { byPath, digests, warnings };
}

/**
 * Applies the adapters to the model, or makes the model trainable.
 * @throws {AdapterError} if the targets of an adapter match nothing
 */
export async function planOf(model: ForCausalLM, args: TrainingArguments, texts: Texts): Promise<Plan> {
  const { jobs, accumulate, seed } = args;
  const adapters: Adapter[] = [];
  for (const { name, adapter } of jobs)
    if (adapter) {
      const applied = await applyAdapter(model, adapter as AdapterConfigInput, { name, seed });
      warnOfNoMixture(applied);
      adapters.push(applied);
    }
  const params = adapters.length > 0 ? adapters.flatMap((adapter) => adapter.trainableParams()) : unfreeze(model);
  const all = jobs.map((job) => ({ job, data: dataOf(job, args, texts, model) }));
  const lengths = all.map(({ job, data }) => args.steps ?? stepsOf(job, data, accumulate));
  const steps = Math.max(...lengths);
  const common = { maxSteps: steps, optimizer: optimizerOf(jobs, lengths), accumulate, seed };
  const whatTrains = (i: number): string =>
    adapters[i]
      ? `${adapters[i].name}: ${aboutAdapter(adapters[i])}`
      : `the model: ${whole(params.reduce((sum, [, { size }]) => sum + size, 0))} parameters`;
  const courseOf = ({ data: path }: FineTuningJob, { batchesPerEpoch }: ExamplesData, count: number): string =>
    aboutCourse(texts.byPath.get(path)!.length, count, (count * accumulate) / batchesPerEpoch);
  const planFor = <B>(task: TrainingTask<B>, data: TrainingData<B>): Plan => ({
    train: (options) => train(task, data, { ...common, ...options }),
    steps,
    about: all.map(({ job, data }, i) => `${whatTrains(i)}; ${courseOf(job, data, lengths[i]!)}`).join("\n"),
    truncations: all.flatMap(({ job: { name, maxLength }, data: { truncation } }) =>
      truncation.examples === 0
        ? []
        : [`${all.length > 1 ? `${name}: ` : ""}${aboutTruncation(truncation, maxLength)}`],
    ),
  });
  if (canPack(jobs)) {
    const { zLossCoef, expertBiasRate, gradientCheckpointing } = args;
    const auxLossCoef = args.auxLossCoef ?? undefined;
    const options = { params, auxLossCoef, zLossCoef, expertBiasRate, gradientCheckpointing };
    return planFor(new CausalLMTask(model, options), all[0]!.data);
  }
  const parts = all.map(({ job, data }) => ({ adapter: job.name, data }));
  const task = new AdaptersTask(model, adapters, { gradientCheckpointing: args.gradientCheckpointing });
  return planFor(task, adapterBatches(parts, accumulate));
}

/** Describes the size and duration of a run. */
export function aboutCourse(texts: number, steps: number, epochs: number): string {
  const passes = `${Number(epochs.toPrecision(2))} ${epochs === 1 ? "epoch" : "epochs"}`;
  return `${plural(texts, "text")}, ${plural(steps, "step")}, ${passes}`;
}

/** Warns that MixLoRA only mixes in feed-forwards; elsewhere it is plain LoRA, as in MoE-PEFT. */
function warnOfNoMixture({ name, config, routers }: Adapter): void {
  if (!config.method.startsWith("mixlora") || routers.size > 0) return;
  const targets = [config.targetModules ?? []].flat().join(", ");
  note(
    `${name}: ${config.method} mixes experts at feed-forwards (gate_proj, up_proj, down_proj), and ${targets} is none: ` +
      "what trains is plain LoRA without a router",
  );
}

/** @throws {InputError} if rows are longer than the model's context */
export function checkContext(
  { name, maxLength }: Pick<FineTuningJob, "name" | "maxLength">,
  config: DecoderConfig,
): void {
  const context = contextLength(config);
  if (maxLength > context)
    throw new InputError({
      where: `max length of ${name}`,
      expected: `at most the model's context, ${context} tokens`,
      got: `${maxLength}`,
      fix: `Set --max-length ${context} or less, or cutoff_len in a file of adapters`,
    });
}

function dataOf(
  { name, data, batchSize, maxLength }: FineTuningJob,
  { pack, seed }: TrainingArguments,
  { byPath }: Texts,
  { config }: ForCausalLM,
): ExamplesData {
  checkContext({ name, maxLength }, config);
  return dataLoader(byPath.get(data)!, { batchSize, maxLength, pack, seed });
}

/** Returns the number of steps of the epochs of a job. */
export function stepsOf(
  { epochs }: FineTuningJob,
  { batchesPerEpoch }: { readonly batchesPerEpoch: number },
  accumulate: number,
): number {
  return Math.max(1, Math.ceil((epochs * batchesPerEpoch) / accumulate));
}

/**
 * Returns one parameter group for each adapter, with its own settings. LoRA+ uses a higher learning rate for `lora_b` within the
 * group, so that all gradients of the group are still clipped by one norm.
 */
export function optimizerOf(jobs: readonly FineTuningJob[], lengths: readonly number[]): AdamWOptions {
  const groups = jobs.map((job, i): ParamGroup => {
    const { name, learningRate, weightDecay, maxGradNorm, loraPlusRatio } = job;
    const isOwn = (param: string): boolean => job.adapter === null || param.startsWith(`${name}.`);
    return {
      name,
      match: isOwn,
      learningRate,
      learningRateRatio: (param) => (param.endsWith(".lora_b") ? loraPlusRatio : 1),
      weightDecay,
      schedule: scheduleOf(job, lengths[i]!),
      // A single job is clipped by the global norm.
      ...(jobs.length > 1 && { maxGradNorm }),
    };
  });
  const { learningRate, maxGradNorm } = jobs[0]!;
  const schedule = scheduleOf(jobs[0]!, lengths[0]!);
  return { learningRate, schedule, groups, ...(jobs.length === 1 && { maxGradNorm }) };
}

/** Returns a schedule that is 0 after a job's own steps, while another adapter takes more. */
function scheduleOf({ schedule, warmupSteps }: FineTuningJob, totalSteps: number): Schedule {
  const warmup = Math.min(totalSteps, warmupSteps ?? Math.ceil(0.03 * totalSteps));
  const options = { warmupSteps: warmup, totalSteps };
  const factors = { constant: constantSchedule, linear: linearSchedule, cosine: cosineSchedule }[schedule](options);
  // A learning rate of 0 would waste the first step.
  return (step) => (step >= totalSteps ? 0 : step < warmup ? (step + 1) / (warmup + 1) : factors(step));
}
