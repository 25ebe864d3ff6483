/** `training.json` of a saved run, validated like any other file. */

import { parseJson } from "@mixtape/errors";
import type { AdamWState } from "./adam-w.js";
import { show } from "./checks.js";
import { TrainingError } from "./errors.js";

/** Settings that determine the batches and random numbers of a step. */
export interface RunSettings {
  readonly seed: number;
  readonly accumulate: number;
}

/** Contents of `training.json`. */
export interface RunFile extends RunSettings {
  readonly format: 1;
  readonly optimizer: AdamWState;
  /** The step whose parameters are saved as the best; null for none. */
  readonly best: number | null;
}

/** @param names trainable parameters @throws {TrainingError} naming an invalid key */
export function parseRunFile(text: string, where: string, names: readonly string[]): RunFile {
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (cause) {
    throw new TrainingError({ where, expected: "JSON", got: "something else", cause });
  }
  const file = object(json, where);
  if (file.format !== 1) throw new TrainingError({ where: `${where}: format`, expected: "1", got: show(file.format) });
  const optimizer = object(file.optimizer, `${where}: optimizer`);
  const steps = whole(optimizer.steps, `${where}: optimizer.steps`, 0);
  const best = file.best === undefined || file.best === null ? null : whole(file.best, `${where}: best`, 1, steps);
  return {
    format: 1,
    seed: whole(file.seed, `${where}: seed`, 0),
    accumulate: whole(file.accumulate, `${where}: accumulate`, 1),
    best,
    optimizer: {
      steps,
      paramSteps: ofParams(optimizer.paramSteps, `${where}: optimizer.paramSteps`, names, (value, at) =>
        whole(value, at, 0, steps),
      ),
      settings: ofParams(optimizer.settings, `${where}: optimizer.settings`, names, numbers),
    },
  };
}

/**
 * Reads a value for each parameter. The tensors determine which parameters the run has: names are not compared here.
 */
function ofParams<T>(
  value: unknown,
  where: string,
  names: readonly string[],
  check: (value: unknown, where: string) => T,
): Record<string, T> {
  const values = object(value, where);
  const known = names.filter((name) => Object.hasOwn(values, name));
  return Object.fromEntries(known.map((name) => [name, check(values[name], `${where}.${name}`)]));
}

function object(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new TrainingError({ where, expected: "an object", got: show(value) });
}

function whole(value: unknown, where: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
  throw new TrainingError({ where, expected: `a whole number from ${min} to ${max}`, got: show(value) });
}

function numbers(value: unknown, where: string): readonly (number | null)[] {
  if (Array.isArray(value) && value.every((n) => n === null || typeof n === "number"))
    return value as (number | null)[];
  throw new TrainingError({ where, expected: "a list of numbers", got: show(value) });
}
