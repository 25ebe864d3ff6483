/** `run.json`: the settings of a run, validated like any file. */

import { InputError, parseJson } from "@mixtape/command-line";
import type { FineTuningJob } from "./fine-tuning-job.js";
import type { TrainingArguments } from "./training-arguments.js";

/** Contents of `run.json`. */
export interface RunFile {
  readonly format: 1;
  readonly settings: TrainingArguments;
  /** Total number of steps of the run. */
  readonly steps: number;
  /** Digests of the files of texts, by their paths. */
  readonly data: Readonly<Record<string, string>>;
  /** Held-out loss before the first step, by job. */
  readonly evalBefore: Readonly<Record<string, number>> | null;
  /** Held-out scores before the first step, of a head. */
  readonly scoresBefore?: Readonly<Record<string, number>>;
}

type Kind = "string" | "number" | "boolean" | "object" | "null";

const ARGUMENTS: Readonly<Record<Exclude<keyof TrainingArguments, "jobs">, readonly Kind[]>> = {
  model: ["string"],
  task: ["string"],
  eval: ["string", "null"],
  evalEvery: ["number", "null"],
  keepBest: ["boolean"],
  patience: ["number", "null"],
  resizeEmbeddings: ["boolean"],
  ignoreKeys: ["object"],
  chatTemplate: ["string", "null"],
  steps: ["number", "null"],
  accumulate: ["number"],
  pack: ["boolean"],
  seed: ["number"],
  auxLossCoef: ["number", "null"],
  zLossCoef: ["number"],
  expertBiasRate: ["number"],
  gradientCheckpointing: ["boolean"],
  saveEvery: ["number"],
};

const JOB: Readonly<Record<keyof FineTuningJob, readonly Kind[]>> = {
  name: ["string"],
  adapter: ["object", "null"],
  data: ["string"],
  batchSize: ["number"],
  maxLength: ["number"],
  epochs: ["number"],
  learningRate: ["number"],
  loraPlusRatio: ["number"],
  schedule: ["string"],
  warmupSteps: ["number", "null"],
  weightDecay: ["number"],
  maxGradNorm: ["number"],
};

/** Parses `run.json`, also of earlier versions. @throws {InputError} naming an invalid key */
export function parseRun(text: string, where: string): RunFile {
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (cause) {
    throw new InputError({ where, expected: "JSON", got: "something else", cause });
  }
  const file = object(json, where);
  if (file.format !== 1)
    throw new InputError({ where: `${where}: format`, expected: "1", got: JSON.stringify(file.format) ?? "none" });
  const { learners, ...given } = object(file.settings, `${where}: settings`);
  // Runs of earlier versions: there were no other tasks at first, and the jobs were `learners`.
  const isEarlier = learners !== undefined && given.jobs === undefined;
  const settings = { task: "text-generation", ...(isEarlier && { jobs: learners }), ...given };
  const { jobs, ignoreKeys } = settings as Readonly<Record<string, unknown>>;
  const atJobs = `${where}: settings.${isEarlier ? "learners" : "jobs"}`;
  check(settings, ARGUMENTS, `${where}: settings`);
  if (!Array.isArray(jobs) || jobs.length === 0)
    throw new InputError({ where: atJobs, expected: "a list", got: kindOf(jobs) });
  if (!Array.isArray(ignoreKeys) || ignoreKeys.some((key) => typeof key !== "string"))
    throw new InputError({
      where: `${where}: settings.ignoreKeys`,
      expected: "a list of names",
      got: kindOf(ignoreKeys),
    });
  for (const [i, job] of jobs.entries()) {
    const at = `${atJobs}[${i}]`;
    check(object(job, at), JOB, at);
    // A name is a folder name: it must not lead out of the run's folder.
    if (!/^[\w-][\w.-]*$/.test((job as FineTuningJob).name))
      throw new InputError({
        where: `${at}.name`,
        expected: "letters, digits, dots, dashes and underscores",
        got: JSON.stringify((job as FineTuningJob).name),
      });
  }
  check(file, { steps: ["number"], data: ["object"], evalBefore: ["object", "null"] }, where);
  return { ...file, settings } as unknown as RunFile;
}

function object(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new InputError({ where, expected: "an object", got: kindOf(value) });
}

function check(
  value: Readonly<Record<string, unknown>>,
  kinds: Readonly<Record<string, readonly Kind[]>>,
  where: string,
): void {
  for (const [key, allowed] of Object.entries(kinds)) {
    const kind = kindOf(value[key]);
    if (!allowed.some((one) => one === kind || (one === "object" && kind === "list")))
      throw new InputError({ where: `${where}: ${key}`, expected: allowed.join(" or "), got: kind });
  }
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}
