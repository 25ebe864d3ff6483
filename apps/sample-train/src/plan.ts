/** A run, made of its settings: what trains, on which batches, for how long. */

import { InputError, whole } from "@mixtape/command-line";
import type { CausalLM, Tokenizer } from "@mixtape/mixtape";
import { type Adapter, type AdapterConfigInput, applyAdapter } from "@mixtape/peft";
import {
  type AdamWOptions,
  batchesOf,
  CausalTrainee,
  constantSchedule,
  cosineSchedule,
  type Example,
  type ExamplesData,
  linearSchedule,
  type NamedParam,
  type ParamGroup,
  type Schedule,
  type Trainee,
  type TrainingData,
  type TrainOptions,
  unfreeze,
} from "@mixtape/training";
import { AdaptersTrainee, besideEachOther } from "./adapters-trainee.js";
import { readData } from "./data-file.js";
import type { Learner } from "./learner.js";
import { canPack, type Settings } from "./settings.js";

/** The texts of a run. */
export interface Texts {
  readonly byPath: ReadonlyMap<string, readonly Example[]>;
  readonly digests: Readonly<Record<string, string>>;
}

/** What `train` of `@mixtape/training` is given. */
export interface Plan {
  readonly trainee: Trainee<unknown>;
  readonly data: TrainingData<unknown>;
  readonly options: Pick<TrainOptions, "maxSteps" | "optimizer" | "accumulate" | "seed">;
  readonly steps: number;
  /** What trains, in words. */
  readonly about: string;
}

/** Reads all files of texts. @throws {InputError} */
export async function textsOf({ learners, eval: heldOut }: Settings, tokenizer: Tokenizer): Promise<Texts> {
  const paths = new Set([...learners.map(({ data }) => data), ...(heldOut === null ? [] : [heldOut])]);
  const byPath = new Map<string, readonly Example[]>();
  const digests: Record<string, string> = {};
  for (const path of paths) {
    const { examples, sha256 } = await readData(path, tokenizer);
    byPath.set(path, examples);
    digests[path] = sha256;
  }
  return { byPath, digests };
}

/**
 * Puts the adapters on the model, or lets the model train.
 * @throws {AdapterError} where the targets of an adapter match nothing
 */
export async function planOf(model: CausalLM, settings: Settings, texts: Texts): Promise<Plan> {
  const { learners, accumulate, seed } = settings;
  const adapters: Adapter[] = [];
  for (const { name, adapter } of learners)
    if (adapter) adapters.push(await applyAdapter(model, adapter as AdapterConfigInput, { name, seed }));
  const params = adapters.length > 0 ? adapters.flatMap((adapter) => adapter.trainableParams()) : unfreeze(model);
  const all = learners.map((learner) => ({ learner, data: dataOf(learner, settings, texts, model) }));
  const lengths = all.map(({ learner, data }) => settings.steps ?? stepsOf(learner, data, accumulate));
  const steps = Math.max(...lengths);
  const common = { steps, options: { maxSteps: steps, optimizer: optimizerOf(learners, lengths), accumulate, seed } };
  if (canPack(learners))
    return {
      ...common,
      about: aboutOf(adapters, params),
      data: all[0]!.data,
      trainee: new CausalTrainee(model, {
        params,
        auxLossCoef: settings.auxLossCoef ?? undefined,
        zLossCoef: settings.zLossCoef,
        expertBiasRate: settings.expertBiasRate,
        gradientCheckpointing: settings.gradientCheckpointing,
      }) as unknown as Trainee<unknown>,
    };
  const parts = all.map(({ learner, data }) => ({ adapter: learner.name, data }));
  return {
    ...common,
    about: aboutOf(adapters, params),
    data: besideEachOther(parts, accumulate),
    trainee: new AdaptersTrainee(model, adapters, settings.gradientCheckpointing) as unknown as Trainee<unknown>,
  };
}

function dataOf(
  { name, data, batchSize, maxLength }: Learner,
  { pack, seed }: Settings,
  { byPath }: Texts,
  { config }: CausalLM,
): ExamplesData {
  if (maxLength > config.maxPositionEmbeddings)
    throw new InputError({
      where: `max length of ${name}`,
      expected: `at most the model's context, ${config.maxPositionEmbeddings} tokens`,
      got: `${maxLength}`,
    });
  return batchesOf(byPath.get(data)!, { batchSize, maxLength, pack, seed });
}

function stepsOf({ epochs }: Learner, { batchesPerEpoch }: ExamplesData, accumulate: number): number {
  return Math.max(1, Math.ceil((epochs * batchesPerEpoch) / accumulate));
}

/** One group for each adapter, with settings of its own; and one for its `lora_b` where LoRA+ has it learn faster. */
function optimizerOf(learners: readonly Learner[], lengths: readonly number[]): AdamWOptions {
  const groups = learners.flatMap((learner, i): ParamGroup[] => {
    const { name, learningRate, weightDecay, maxGradNorm, loraPlusRatio } = learner;
    const isOwn = (param: string): boolean => learner.adapter === null || param.startsWith(`${name}.`);
    const own = {
      name,
      learningRate,
      weightDecay,
      schedule: scheduleOf(learner, lengths[i]!),
      // A single learner's gradients are shortened all together.
      ...(learners.length > 1 && { maxGradNorm }),
    };
    const faster = {
      ...own,
      name: `${name} lora_b`,
      learningRateRatio: loraPlusRatio,
      match: (param: string) => isOwn(param) && param.endsWith(".lora_b"),
    };
    return [...(loraPlusRatio === 1 ? [] : [faster]), { ...own, match: isOwn }];
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

function aboutOf(adapters: readonly Adapter[], params: readonly NamedParam[]): string {
  if (adapters.length > 0) return adapters.map((adapter) => adapter.toString().split("\n").at(-1)).join("\n");
  return `the model: ${whole(params.reduce((sum, [, { size }]) => sum + size, 0))} parameters train`;
}
