/** A run, made of its settings: what trains, on which batches, for how long. */

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

/** The texts of a run. */
export interface Texts {
  readonly byPath: ReadonlyMap<string, readonly Example[]>;
  readonly digests: Readonly<Record<string, string>>;
  /** What to know about them. */
  readonly warnings: readonly string[];
}

/** A run that is about to begin. */
export interface Plan {
  /** Begins it, or goes on with what was saved. */
  readonly train: (options: Pick<TrainOptions, "checkpoints" | "evaluation" | "signal">) => TrainingSteps;
  readonly steps: number;
  /** What trains, and on what, in words: a line for each learner. */
  readonly about: string;
  /** What is cut off the texts, in words: a sentence for each learner whose texts are too long. */
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
 * Puts the adapters on the model, or lets the model train.
 * @throws {AdapterError} where the targets of an adapter match nothing
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

/** Says on how much a run trains, and for how long. */
export function aboutCourse(texts: number, steps: number, epochs: number): string {
  const passes = `${Number(epochs.toPrecision(2))} ${epochs === 1 ? "epoch" : "epochs"}`;
  return `${plural(texts, "text")}, ${plural(steps, "step")}, ${passes}`;
}

/** MixLoRA mixes at feed-forwards; elsewhere it is plain LoRA, as in MoE-PEFT. */
function warnOfNoMixture({ name, config, routers }: Adapter): void {
  if (!config.method.startsWith("mixlora") || routers.size > 0) return;
  const targets = [config.targetModules ?? []].flat().join(", ");
  note(
    `${name}: ${config.method} mixes experts at feed-forwards (gate_proj, up_proj, down_proj), and ${targets} is none: ` +
      "what trains is plain LoRA without a router",
  );
}

/** @throws {InputError} where rows are longer than the model's context */
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

/** Number of steps that the epochs of a learner come to. */
export function stepsOf(
  { epochs }: Learner,
  { batchesPerEpoch }: { readonly batchesPerEpoch: number },
  accumulate: number,
): number {
  return Math.max(1, Math.ceil((epochs * batchesPerEpoch) / accumulate));
}

/**
 * One group for each adapter, with settings of its own. LoRA+ has its `lora_b` learn faster within the group, so that all its
 * gradients are still shortened as one vector.
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
      // A single learner's gradients are shortened all together.
      ...(learners.length > 1 && { maxGradNorm }),
    };
  });
  const { learningRate, maxGradNorm } = learners[0]!;
  const schedule = scheduleOf(learners[0]!, lengths[0]!);
  return { learningRate, schedule, groups, ...(learners.length === 1 && { maxGradNorm }) };
}

/** Where another adapter takes more steps, one stands still after its own. */
function scheduleOf({ schedule, warmupSteps }: Learner, totalSteps: number): Schedule {
  const warmup = Math.min(totalSteps, warmupSteps ?? Math.ceil(0.03 * totalSteps));
  const options = { warmupSteps: warmup, totalSteps };
  const factors = { constant: constantSchedule, linear: linearSchedule, cosine: cosineSchedule }[schedule](options);
  // The first step counts: a learning rate of 0 would waste it.
  return (step) => (step >= totalSteps ? 0 : step < warmup ? (step + 1) / (warmup + 1) : factors(step));
}
