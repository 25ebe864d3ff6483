/** `run.json`: the settings of a run, validated like any file. */

import { InputError, parseJson } from "@mixtape/command-line";
import type { Learner } from "./learner.js";
import type { Settings } from "./settings.js";

/** Contents of `run.json`. */
export interface RunFile {
  readonly format: 1;
  readonly settings: Settings;
  /** Total number of steps of the run. */
  readonly steps: number;
  /** Digests of the files of texts, by their paths. */
  readonly data: Readonly<Record<string, string>>;
  /** Held-out loss before the first step, by learner. */
  readonly evalBefore: Readonly<Record<string, number>> | null;
  /** Held-out scores before the first step, of a head. */
  readonly scoresBefore?: Readonly<Record<string, number>>;
}

type Kind = "string" | "number" | "boolean" | "object" | "null";

const SETTINGS: Readonly<Record<keyof Settings, readonly Kind[]>> = {
  model: ["string"],
  task: ["string"],
  learners: ["object"],
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

const LEARNER: Readonly<Record<keyof Learner, readonly Kind[]>> = {
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

/** @throws {InputError} naming an invalid key */
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
  // Runs from before there were other tasks.
  const settings: Readonly<Record<string, unknown>> = {
    task: "text-generation",
    ...object(file.settings, `${where}: settings`),
  };
  check(settings, SETTINGS, `${where}: settings`);
  const { learners, ignoreKeys } = settings;
  if (!Array.isArray(ignoreKeys) || ignoreKeys.some((key) => typeof key !== "string"))
    throw new InputError({
      where: `${where}: settings.ignoreKeys`,
      expected: "a list of names",
      got: kindOf(ignoreKeys),
    });
  if (!Array.isArray(learners) || learners.length === 0)
    throw new InputError({ where: `${where}: settings.learners`, expected: "a list", got: kindOf(learners) });
  for (const [i, learner] of learners.entries()) {
    const at = `${where}: settings.learners[${i}]`;
    check(object(learner, at), LEARNER, at);
    // A name is a folder name: it must not lead out of the run's folder.
    if (!/^[\w-][\w.-]*$/.test((learner as Learner).name))
      throw new InputError({
        where: `${at}.name`,
        expected: "letters, digits, dots, dashes and underscores",
        got: JSON.stringify((learner as Learner).name),
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
