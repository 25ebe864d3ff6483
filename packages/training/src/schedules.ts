import { checkOptions, type OptionNames } from "@mixtape/errors";
import { expectThat } from "./checks.js";
import { TrainingError } from "./errors.js";

/** Learning-rate factor of a step, counted from 0. */
export type Schedule = (step: number) => number;

/** Linear warm-up of the learning rate, from 0. */
export interface WarmUp {
  /** Default: 0. */
  readonly warmupSteps?: number;
}

/** Decay of the learning rate after the warm-up. */
export interface Decay extends WarmUp {
  /** Step at which the decay ends, warm-up included. */
  readonly totalSteps: number;
  /** Final learning rate, as a fraction. Default: 0. */
  readonly minFactor?: number;
}

/** Accepted by the constant schedule too, which has no decay to change. */
const OPTIONS: OptionNames<Decay> = { warmupSteps: true, totalSteps: true, minFactor: true };

/**
 * Constant learning rate after the warm-up.
 * @throws {OptionError} for an option that no schedule has, as do the others
 */
export function constantSchedule(options: WarmUp & Partial<Decay> = {}): Schedule {
  checkOptions("constantSchedule", options, OPTIONS);
  const { warmupSteps = 0 } = options;
  check(warmupSteps, Infinity);
  return (step) => Math.min(1, rise(step, warmupSteps));
}

/** Linear decay. Like transformers' `get_linear_schedule_with_warmup`. */
export function linearSchedule(options: Decay): Schedule {
  checkOptions("linearSchedule", options, OPTIONS);
  return decaying(options, (progress) => 1 - progress);
}

/** Cosine decay over half a period (Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983). */
export function cosineSchedule(options: Decay): Schedule {
  checkOptions("cosineSchedule", options, OPTIONS);
  return decaying(options, (progress) => (1 + Math.cos(Math.PI * progress)) / 2);
}

function decaying(
  { warmupSteps = 0, totalSteps, minFactor = 0 }: Decay,
  shape: (progress: number) => number,
): Schedule {
  expectThat(Number.isFinite(totalSteps), "totalSteps", "a number of steps", totalSteps);
  expectThat(minFactor >= 0 && minFactor <= 1, "minFactor", "a number from 0 to 1", minFactor);
  check(warmupSteps, totalSteps);
  return (step) => {
    if (step < warmupSteps) return rise(step, warmupSteps);
    const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
    return minFactor + (1 - minFactor) * shape(progress);
  };
}

function rise(step: number, warmupSteps: number): number {
  return warmupSteps === 0 ? 1 : step / warmupSteps;
}

function check(warmupSteps: number, totalSteps: number): void {
  if (!(warmupSteps >= 0 && warmupSteps <= totalSteps))
    throw new TrainingError({
      where: "warmupSteps",
      expected: `from 0 to totalSteps, ${totalSteps}`,
      got: `${warmupSteps}`,
    });
}
