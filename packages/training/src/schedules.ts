import { checkOptions, type OptionNames } from "@mixtape/errors";
import { expectThat } from "./checks.js";
import { TrainingError } from "./errors.js";

/** What the learning rate is multiplied by in a step, counted from 0. */
export type Schedule = (step: number) => number;

/** How long the learning rate rises, in a line from 0. */
export interface WarmUp {
  /** Default 0. */
  readonly warmupSteps?: number;
}

/** How long it falls after that. */
export interface Decay extends WarmUp {
  /** The step at which it has fallen, warm-up included. */
  readonly totalSteps: number;
  /** What is left of it then. Default 0. */
  readonly minFactor?: number;
}

/** For the constant one too: what is told of the fall changes nothing where there is none. */
const OPTIONS: OptionNames<Decay> = { warmupSteps: true, totalSteps: true, minFactor: true };

/**
 * The learning rate as it is, after the warm-up.
 * @throws {OptionError} for an option that no schedule has; so do the others
 */
export function constantSchedule(options: WarmUp & Partial<Decay> = {}): Schedule {
  checkOptions("constantSchedule", options, OPTIONS);
  const { warmupSteps = 0 } = options;
  check(warmupSteps, Infinity);
  return (step) => Math.min(1, rise(step, warmupSteps));
}

/** In a line down. As transformers' `get_linear_schedule_with_warmup`. */
export function linearSchedule(options: Decay): Schedule {
  checkOptions("linearSchedule", options, OPTIONS);
  return decaying(options, (progress) => 1 - progress);
}

/** Along half a cosine down (Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983). */
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
