/**
 * A file of several adapters, with the keys of MoE-PEFT: `{ "cutoff_len": 256, "lora": [{ "name": …, "data": …, "r": 8,
 * … }] }`.
 */

import { dirname, resolve } from "node:path";
import { InputError, note, parseInput, readInputText, UsageError } from "@mixtape/command-line";
import { readAdapterConfig } from "@mixtape/peft";
import { type FineTuningJob, hyperparametersOf } from "./fine-tuning-job.js";
import type { TrainFlags } from "./flags.js";
import { RUN_FILES } from "./run-files.js";

/** Contents of the file. */
export interface AdaptersFile {
  readonly jobs: readonly FineTuningJob[];
  readonly accumulate: number;
  readonly saveEvery?: number;
}

type Json = Readonly<Record<string, unknown>>;

/** Keys of MoE-PEFT that do not change the computation here. */
const IDLE_OF_FILE = ["train_lora_candidate_num", "train_lora_simultaneously_num", "train_strategy"];
const IDLE = [
  "task_name",
  "evaluate_batch_size",
  "evaluate_steps",
  "group_by_length",
  "prompt",
  "expand_side",
  "val_set_size",
];
/** Keys of an entry that set how the adapter is trained; all others are its config. */
const TRAINING = [
  "name",
  "data",
  "optim",
  "lr",
  "batch_size",
  "micro_batch_size",
  "num_epochs",
  "scheduler_type",
  "warmup_steps",
  "weight_decay",
  "max_grad_norm",
  "loraplus_lr_ratio",
];
const SCHEDULES = ["constant", "linear", "cosine"] as const;

/**
 * Reads a file of adapters. Omitted keys of an entry take the values of the flags, or their defaults; paths are
 * relative to the file.
 * @throws {InputError} that names the entry and its key
 */
export async function readAdapters(path: string, flags: TrainFlags): Promise<AdaptersFile> {
  if (flags.method !== undefined) throw new UsageError("expected --method or --adapters, got both");
  const { lora, cutoff_len: maxLength, save_step: saveEvery, ...rest } = readJson(path);
  const unknown = Object.keys(rest).filter((key) => !IDLE_OF_FILE.includes(key));
  if (unknown.length > 0) throw fault(path, "lora, cutoff_len, save_step", unknown.join(", "));
  if (!Array.isArray(lora) || lora.length === 0)
    throw fault(`${path}: lora`, "a list of adapters", JSON.stringify(lora));
  const own = { ...flags, maxLength: numberOr(maxLength, flags.maxLength, `${path}: cutoff_len`, 2) };
  const entries = lora.map((entry: unknown, i) => entryOf(entry, `${path}: lora[${i}]`, own, dirname(path)));
  const names = entries.map(({ job }) => job.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw fault(path, "a name of its own for each adapter", `"${twice}" twice`);
  const [first, ...others] = entries.map(({ accumulate }) => accumulate);
  if (others.some((count) => count !== first))
    throw fault(path, "one ratio of batch_size to micro_batch_size", [first, ...others].join(", "));
  return {
    jobs: entries.map(({ job }) => job),
    accumulate: first!,
    saveEvery: numberOr(saveEvery, undefined, `${path}: save_step`, 1),
  };
}

function entryOf(
  entry: unknown,
  where: string,
  flags: TrainFlags,
  folder: string,
): { job: FineTuningJob; accumulate: number } {
  if (!isObject(entry)) throw fault(where, "an object", JSON.stringify(entry));
  const get = (key: string, or: number | undefined, min: number): number | undefined =>
    numberOr(entry[key], or, `${where}.${key}`, min);
  const { name, data = flags.data, optim = "adamw", scheduler_type: schedule = flags.schedule } = entry;
  if (typeof name !== "string" || !/^[\w-][\w.-]*$/.test(name))
    throw fault(`${where}.name`, "letters, digits, dots, dashes and underscores", JSON.stringify(name));
  if (RUN_FILES.includes(name))
    throw fault(`${where}.name`, "a name that the run's own files have not", JSON.stringify(name));
  if (typeof data !== "string") throw fault(`${where}.data`, "a file, or --data for all", JSON.stringify(data));
  if (optim !== "adamw") throw fault(`${where}.optim`, '"adamw"', JSON.stringify(optim));
  if (schedule !== undefined && !SCHEDULES.includes(schedule as "cosine"))
    throw fault(`${where}.scheduler_type`, `one of ${SCHEDULES.join(", ")}`, JSON.stringify(schedule));
  const batchSize = get("batch_size", flags.batchSize, 1);
  const rows = get("micro_batch_size", batchSize, 1);
  const accumulate = batchSize === undefined || rows === undefined ? 1 : batchSize / rows;
  if (!Number.isInteger(accumulate))
    throw fault(`${where}.micro_batch_size`, `a divisor of batch_size, ${batchSize}`, `${rows}`);
  const idle = IDLE.filter((key) => key in entry);
  if (idle.length > 0) note(`${where}: ${idle.join(", ")} ${idle.length > 1 ? "change" : "changes"} nothing here`);
  const config = Object.entries(entry).filter(([key]) => !TRAINING.includes(key) && !IDLE.includes(key));
  const training = hyperparametersOf(
    {
      ...flags,
      batchSize: rows,
      epochs: get("num_epochs", flags.epochs, 0),
      learningRate: get("lr", flags.learningRate, 0),
      loraPlusRatio: get("loraplus_lr_ratio", flags.loraPlusRatio, 0),
      schedule: schedule as TrainFlags["schedule"],
      warmupSteps: get("warmup_steps", flags.warmupSteps, 0),
      weightDecay: get("weight_decay", flags.weightDecay, 0),
      maxGradNorm: get("max_grad_norm", flags.maxGradNorm, 0),
    },
    false,
  );
  const values = { ...fromFlags(flags, entry), ...Object.fromEntries(config) };
  const adapter = readAdapterConfig(values, { where, ignore: flags.ignore });
  const path = entry.data === undefined ? data : resolve(folder, data);
  return { job: { ...training, name, adapter, data: path }, accumulate };
}

/** Returns the flags of an adapter under the keys of the file, for entries that omit them. */
function fromFlags({ rank, alpha, dropout, target, numExperts }: TrainFlags, entry: Json): Json {
  const isMixture = entry.routing_strategy !== undefined;
  const values = {
    r: rank,
    // As without a file: alpha follows the rank if that is set.
    lora_alpha: alpha ?? (rank === undefined || "r" in entry ? undefined : 2 * rank),
    lora_dropout: dropout,
    target_modules: target?.length === 1 && target[0] === "all-linear" ? target[0] : target,
    num_experts: isMixture ? numExperts : undefined,
  };
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function readJson(path: string): Json {
  const expected = "a JSON file of adapters";
  const json = parseInput(readInputText(path, { expected }), path, { expected });
  if (isObject(json)) return json;
  throw fault(path, "an object with a list of adapters, lora", JSON.stringify(json));
}

function numberOr(value: unknown, or: number | undefined, where: string, min: number): number | undefined {
  if (value === undefined) return or;
  if (typeof value === "number" && Number.isFinite(value) && value >= min) return value;
  throw fault(where, `a number of at least ${min}`, JSON.stringify(value));
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fault(where: string, expected: string, got: string): InputError {
  return new InputError({ where, expected, got });
}
