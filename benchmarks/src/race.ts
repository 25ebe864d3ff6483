/** Races runners against each other, in turns. */

import { warmUp } from "./machine/page-cache.js";
import type { Found, KernelMeasure, Products, Runner, Sample, StepProfile } from "./runners/runner.js";
import type { Files } from "./shapes/shape.js";
import type { Heat } from "./tasks.js";

/** A runner that works here. */
export interface Starter {
  readonly runner: Runner;
  readonly description: string;
}

/** Measurements of a runner. */
export interface Entry {
  readonly name: string;
  readonly description: string;
  readonly peer: boolean;
  /** Samples by heat, one per round. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
  readonly products: Products | null;
  readonly kernels: readonly KernelMeasure[] | null;
  readonly profile: StepProfile | null;
}

/** One process to run. */
export interface Turn {
  readonly round: number;
  readonly runner: Runner;
  readonly heat: Heat;
}

/**
 * Returns the order of processes: every runner runs a heat before the next heat, and every round starts with another
 * runner.
 */
export function turnsOf(runners: readonly Runner[], heats: readonly Heat[], rounds: number): Turn[] {
  return Array.from({ length: rounds }, (_, round) =>
    heats.flatMap((heat) => runners.map((_, i) => ({ round, runner: runners[(i + round) % runners.length]!, heat }))),
  ).flat();
}

/** Asks each runner whether it works here. */
export async function findRunners(runners: readonly Runner[]): Promise<{ runner: Runner; found: Found }[]> {
  const answers = [];
  for (const runner of runners) answers.push({ runner, found: await runner.find() });
  return answers;
}

/** Result of a race. */
export interface Outcome {
  readonly entries: readonly Entry[];
  /** Runners that failed at any point and are left out, with reasons. */
  readonly failed: readonly { readonly name: string; readonly reason: string }[];
}

/** Runs every heat on every runner in turns, one process at a time, with its files in the page cache. */
export async function race(
  field: readonly Starter[],
  { files, heats, rounds, log }: { files: Files; heats: readonly Heat[]; rounds: number; log: (line: string) => void },
): Promise<Outcome> {
  const runners = field.map(({ runner }) => runner);
  const samples = new Map(runners.map((runner) => [runner, {} as Record<string, Sample[]>]));
  const failed = new Map<Runner, string>();
  const unlessItFails = async (runner: Runner, work: () => Promise<void>): Promise<void> => {
    if (failed.has(runner)) return;
    await work().catch((error: Error) => {
      log(`${runner.name} failed: ${error.message}`);
      failed.set(runner, error.message);
    });
  };
  for (const { round, runner, heat } of turnsOf(runners, heats, rounds)) {
    await unlessItFails(runner, async () => {
      log(`round ${round + 1} of ${rounds}: ${heat.tasks.map(({ name }) => name).join(", ")} on ${runner.name}`);
      const own = samples.get(runner)!;
      await warmUp(await runner.reads(files));
      own[heat.name] = [...(own[heat.name] ?? []), await runner.run(files, heat.tasks)];
    });
  }
  const entries: Entry[] = [];
  const longest = Math.max(...heats.flatMap(({ tasks }) => tasks.map(({ promptTokens }) => promptTokens)));
  for (const { runner, description } of field) {
    await unlessItFails(runner, async () => {
      if (runner.kernels) log(`products and kernels of ${runner.name}`);
      entries.push({
        name: runner.name,
        description,
        peer: runner.peer,
        samples: samples.get(runner)!,
        products: (await runner.products?.(files)) ?? null,
        kernels: (await runner.kernels?.(files, longest)) ?? null,
        profile: (await runner.profile?.(files)) ?? null,
      });
    });
  }
  return { entries, failed: [...failed].map(([{ name }, reason]) => ({ name, reason })) };
}
