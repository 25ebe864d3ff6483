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
import type { Learner } from "./learner.js";
import { canPack, type Settings } from "./settings.js";

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
  /** Description of the training: a line for each learner. */
  readonly about: string;
  /** Descriptions of truncation: a sentence for each learner whose texts are too long. */
  readonly truncations: readonly string[];
}

/** Reads all files of texts. @throws {InputError} */
export async function textsOf(settings: Settings, tokenizer: Tokenizer): Promise<Texts> {
  const { learners, eval: heldOut, ignoreKeys, chatTemplate } = settings;
  const paths = new Set([...learners.map(({ data }) => data), ...(heldOut === null ? [] : [heldOut])]);
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
export async function planOf(model: ForCausalLM, settings: Settings, texts: Texts): Promise<Plan> {
  const { learners, accumulate, seed } = settings;
  const adapters: Adapter[] = [];
  for (const { name, adapter } of learners)
    if (adapter) {
      const applied = await applyAdapter(model, adapter as AdapterConfigInput, { name, seed });
      warnOfNoMixture(applied);
      adapters.push(applied);
    }
  const params = adapters.length > 0 ? adapters.flatMap((adapter) => adapter.trainableParams()) : unfreeze(model);
  const all = learners.map((learner) => ({ learner, data: dataOf(learner, settings, texts, model) }));
  const lengths = all.map(({ learner, data }) => settings.steps ?? stepsOf(learner, data, accumulate));
  const steps = Math.max(...lengths);
  const common = { maxSteps: steps, optimizer: optimizerOf(learners, lengths), accumulate, seed };
  const whatTrains = (i: number): string =>
    adapters[i]
      ? `${adapters[i].name}: ${aboutAdapter(adapters[i])}`
      : `the model: ${whole(params.reduce((sum, [, { size }]) => sum + size, 0))} parameters`;
  const courseOf = ({ data: path }: Learner, { batchesPerEpoch }: ExamplesData, count: number): string =>
    aboutCourse(texts.byPath.get(path)!.length, count, (count * accumulate) / batchesPerEpoch);
  const planFor = <B>(task: TrainingTask<B>, data: TrainingData<B>): Plan => ({
    train: (options) => train(task, data, { ...common, ...options }),
    steps,
    about: all.map(({ learner, data }, i) => `${whatTrains(i)}; ${courseOf(learner, data, lengths[i]!)}`).join("\n"),
    truncations: all.flatMap(({ learner: { name, maxLength }, data: { truncation } }) =>
      truncation.examples === 0
        ? []
        : [`${all.length > 1 ? `${name}: ` : ""}${aboutTruncation(truncation, maxLength)}`],
    ),
  });
  if (canPack(learners)) {
    const { zLossCoef, expertBiasRate, gradientCheckpointing } = settings;
    const auxLossCoef = settings.auxLossCoef ?? undefined;
    const options = { params, auxLossCoef, zLossCoef, expertBiasRate, gradientCheckpointing };
    return planFor(new CausalLMTask(model, options), all[0]!.data);
  }
  const parts = all.map(({ learner, data }) => ({ adapter: learner.name, data }));
  const task = new AdaptersTask(model, adapters, { gradientCheckpointing: settings.gradientCheckpointing });
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
export function checkContext({ name, maxLength }: Pick<Learner, "name" | "maxLength">, config: DecoderConfig): void {
  const context = contextLength(config);
  if (maxLength > context)
    throw new InputError({
      where: `max length of ${name}`,
      expected: `at most the model's context, ${context} tokens`,
      got: `${maxLength}`,
    });
}

function dataOf(
  { name, data, batchSize, maxLength }: Learner,
  { pack, seed }: Settings,
  { byPath }: Texts,
  { config }: ForCausalLM,
): ExamplesData {
  checkContext({ name, maxLength }, config);
  return dataLoader(byPath.get(data)!, { batchSize, maxLength, pack, seed });
}

/** Returns the number of steps of the epochs of a learner. */
export function stepsOf(
  { epochs }: Learner,
  { batchesPerEpoch }: { readonly batchesPerEpoch: number },
  accumulate: number,
): number {
  return Math.max(1, Math.ceil((epochs * batchesPerEpoch) / accumulate));
}

/**
 * Returns one parameter group for each adapter, with its own settings. LoRA+ uses a higher learning rate for `lora_b` within the
 * group, so that all gradients of the group are still clipped by one norm.
 */
export function optimizerOf(learners: readonly Learner[], lengths: readonly number[]): AdamWOptions {
  const groups = learners.map((learner, i): ParamGroup => {
    const { name, learningRate, weightDecay, maxGradNorm, loraPlusRatio } = learner;
    const isOwn = (param: string): boolean => learner.adapter === null || param.startsWith(`${name}.`);
    return {
      name,
      match: isOwn,
      learningRate,
      learningRateRatio: (param) => (param.endsWith(".lora_b") ? loraPlusRatio : 1),
      weightDecay,
      schedule: scheduleOf(learner, lengths[i]!),
      // A single learner is clipped by the global norm.
      ...(learners.length > 1 && { maxGradNorm }),
    };
  });
  const { learningRate, maxGradNorm } = learners[0]!;
  const schedule = scheduleOf(learners[0]!, lengths[0]!);
  return { learningRate, schedule, groups, ...(learners.length === 1 && { maxGradNorm }) };
}

/** Returns a schedule that is 0 after a learner's own steps, while another adapter takes more. */
function scheduleOf({ schedule, warmupSteps }: Learner, totalSteps: number): Schedule {
  const warmup = Math.min(totalSteps, warmupSteps ?? Math.ceil(0.03 * totalSteps));
  const options = { warmupSteps: warmup, totalSteps };
  const factors = { constant: constantSchedule, linear: linearSchedule, cosine: cosineSchedule }[schedule](options);
  // A learning rate of 0 would waste the first step.
  return (step) => (step >= totalSteps ? 0 : step < warmup ? (step + 1) / (warmup + 1) : factors(step));
}
