/** Training arguments of a run, from flags, or from flags and a file of adapters. */

import { resolve } from "node:path";
import { readChatTemplate, UsageError } from "@mixtape/command-line";
import type { Task } from "@mixtape/mixtape";
import { type AdapterConfig, type AdapterConfigInput, adapterConfig, type Method } from "@mixtape/peft";
import { readAdapters } from "./adapters-file.js";
import { type FineTuningJob, hyperparametersOf } from "./fine-tuning-job.js";
import type { TrainFlags } from "./flags.js";

/** Arguments that determine the result of a run, apart from the engine. Saved with the run. */
export interface TrainingArguments {
  readonly model: string;
  /** Task to train for: text generation, or that of a head. */
  readonly task: Task;
  readonly jobs: readonly FineTuningJob[];
  /** File of held-out texts. */
  readonly eval: string | null;
  /** Steps between two evaluations during the run; null to evaluate only before and after. */
  readonly evalEvery: number | null;
  /** Whether to save the parameters with the lowest held-out loss. */
  readonly keepBest: boolean;
  /** Evaluations without a new lowest loss after which the run ends; null for never. */
  readonly patience: number | null;
  /** Whether the embedding gets rows for all tokens of the tokenizer. */
  readonly resizeEmbeddings: boolean;
  /** Keys of rows to ignore. */
  readonly ignoreKeys: readonly string[];
  /** Text of the chat template; null for the tokenizer's. */
  readonly chatTemplate: string | null;
  /** Null for the steps of the epochs. */
  readonly steps: number | null;
  readonly accumulate: number;
  readonly pack: boolean;
  readonly seed: number;
  readonly auxLossCoef: number | null;
  readonly zLossCoef: number;
  readonly expertBiasRate: number;
  readonly gradientCheckpointing: boolean;
  readonly saveEvery: number;
}

const FULL = "full";

const ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"];
const FEED_FORWARD = ["gate_proj", "up_proj", "down_proj"];
/** Default target modules: attention, or feed-forwards for mixtures of feed-forwards. */
const DEFAULT_TARGETS: Readonly<Record<Method, readonly string[]>> = {
  lora: ATTENTION,
  rslora: ATTENTION,
  dora: ATTENTION,
  mola: ATTENTION,
  loramoe: FEED_FORWARD,
  mixlora: FEED_FORWARD,
  "mixlora-dynamic": FEED_FORWARD,
  "mixlora-switch": FEED_FORWARD,
};

/**
 * Returns the training arguments of the flags.
 * @throws {UsageError} for flags that contradict each other
 * @throws {ConfigError} for adapter settings out of range, such as a rank of 0
 */
export async function trainingArgumentsOf(flags: TrainFlags): Promise<TrainingArguments> {
  const task = flags.task ?? "text-generation";
  if (task !== "text-generation") checkHeadFlags(flags, task);
  const file = flags.adapters === undefined ? null : await readAdapters(flags.adapters, flags);
  const jobs = file?.jobs ?? [jobOf(flags)];
  const isFull = jobs.some(({ adapter }) => adapter === null);
  checkPack(flags, jobs);
  checkEvaluation(flags);
  if (flags.resizeEmbeddings && !canPack(jobs))
    throw new UsageError("--resize-embeddings is for --method full, lora, rslora and dora, one at a time");
  if (!isFull)
    for (const [flag, value] of Object.entries({
      "--aux-loss-coef": flags.auxLossCoef,
      "--z-loss-coef": flags.zLossCoef,
      "--expert-bias-rate": flags.expertBiasRate,
    }))
      if (value !== undefined)
        throw new UsageError(`${flag} is for --method full: the base's routers stay as they are`);
  return {
    model: resolve(flags.model),
    task,
    jobs: jobs.map((job) => ({
      ...job,
      data: resolve(job.data),
      adapter: job.adapter && withBase(job.adapter, flags),
    })),
    eval: flags.eval === undefined ? null : resolve(flags.eval),
    evalEvery: flags.evalEvery ?? null,
    keepBest: flags.keepBest ?? false,
    patience: flags.patience ?? null,
    resizeEmbeddings: flags.resizeEmbeddings ?? false,
    ignoreKeys: flags.ignoreKeys ?? [],
    chatTemplate: flags.chatTemplate === undefined ? null : readChatTemplate(flags.chatTemplate),
    steps: flags.steps ?? null,
    accumulate: flags.accumulate ?? file?.accumulate ?? 1,
    pack: flags.pack ?? false,
    seed: flags.seed ?? 0,
    // As in transformers, heads have no router loss unless requested.
    auxLossCoef: isFull ? (flags.auxLossCoef ?? (task === "text-generation" ? null : 0)) : 0,
    zLossCoef: flags.zLossCoef ?? 0,
    expertBiasRate: flags.expertBiasRate ?? 0,
    gradientCheckpointing: flags.gradientCheckpointing ?? false,
    saveEvery: flags.saveEvery ?? file?.saveEvery ?? 50,
  };
}

function jobOf(flags: TrainFlags): FineTuningJob {
  const { method = "lora", data } = flags;
  if (data === undefined) throw new UsageError("expected --data FILE.jsonl or FILE.txt");
  return {
    ...hyperparametersOf(flags, method === FULL),
    name: method === FULL ? "model" : "default",
    adapter: adapterOf(flags),
    data,
  };
}

function adapterOf({
  method = "lora",
  rank,
  alpha,
  dropout,
  target,
  numExperts,
  ...flags
}: TrainFlags): AdapterConfig | null {
  if (method === FULL) {
    const idle = Object.entries({
      rank,
      alpha,
      dropout,
      target,
      "num-experts": numExperts,
      "lora-plus-ratio": flags.loraPlusRatio,
      "base-name": flags.baseName,
    });
    const [given] = idle.filter(([, value]) => value !== undefined);
    if (given) throw new UsageError(`--${given[0]} is for adapters; --method full has none`);
    return null;
  }
  if (numExperts !== undefined && ["lora", "rslora", "dora"].includes(method))
    throw new UsageError(`--num-experts is for mixtures; --method ${method} is none`);
  const [only] = target ?? [];
  const r = rank ?? 8;
  return adapterConfig({
    method,
    r,
    loraAlpha: alpha ?? 2 * r,
    loraDropout: dropout ?? 0,
    targetModules: target?.length === 1 && only === "all-linear" ? only : (target ?? DEFAULT_TARGETS[method]),
    ...(numExperts !== undefined && { numExperts }),
  } as AdapterConfigInput);
}

/** Returns an adapter config with its base model: `--base-name`, or the folder of the model. */
function withBase(adapter: AdapterConfig, { model, baseName }: TrainFlags): AdapterConfig {
  const own = adapter.baseModelNameOrPath;
  return { ...adapter, baseModelNameOrPath: baseName ?? own ?? resolve(model) };
}

function checkEvaluation({ eval: heldOut, evalEvery, keepBest, patience }: TrainFlags): void {
  const inNeed = Object.entries({ "--eval-every": evalEvery, "--keep-best": keepBest, "--patience": patience });
  for (const [flag, value] of inNeed) {
    if (value === undefined) continue;
    if (heldOut === undefined) throw new UsageError(`${flag} needs texts that are held out: --eval FILE`);
    if (evalEvery === undefined) throw new UsageError(`${flag} needs --eval-every N`);
  }
}

/** Refuses flags of language models for a run of another head. */
function checkHeadFlags(flags: TrainFlags, task: Task): void {
  const { method = "lora" } = flags;
  if (![FULL, "lora", "rslora", "dora"].includes(method))
    throw new UsageError(
      `--task ${task} is for --method full, lora, rslora and dora: a mixture has no head of its own`,
    );
  for (const [flag, value] of Object.entries({
    "--adapters": flags.adapters,
    "--pack": flags.pack,
    "--resize-embeddings": flags.resizeEmbeddings,
    "--chat-template": flags.chatTemplate,
  }))
    if (value !== undefined) throw new UsageError(`${flag} is for --task text-generation`);
}

function checkPack({ pack }: TrainFlags, jobs: readonly FineTuningJob[]): void {
  if (pack && !canPack(jobs)) throw new UsageError("--pack is for --method full, lora, rslora and dora, one at a time");
}

/** Whether rows may be packed: with a single adapter per batch, and without adapter routers. */
export function canPack(jobs: readonly FineTuningJob[]): boolean {
  return jobs.length === 1 && (jobs[0]!.adapter === null || jobs[0]!.adapter.method === "lora");
}
