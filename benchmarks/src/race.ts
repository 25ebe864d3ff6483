/** Runners against each other, in turns. */

import type { Found, Products, Runner, Sample, StepProfile } from "./runners/runner.js";
import type { Task } from "./tasks.js";

/** A runner that is here, and what it was measured to do. */
export interface Entry {
  readonly name: string;
  readonly description: string;
  /** By task, one per round. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
  readonly products: Products;
  readonly profile: StepProfile | null;
}

/** What to do next. */
export interface Turn {
  readonly round: number;
  readonly runner: Runner;
  readonly task: Task;
}

/** Every runner does a task before the next task comes, and every round starts with another runner. */
export function turnsOf(runners: readonly Runner[], tasks: readonly Task[], rounds: number): Turn[] {
  return Array.from({ length: rounds }, (_, round) =>
    tasks.flatMap((task) => runners.map((_, i) => ({ round, runner: runners[(i + round) % runners.length]!, task }))),
  ).flat();
}

/** Asks each runner whether it is here. */
export async function findRunners(runners: readonly Runner[]): Promise<{ runner: Runner; found: Found }[]> {
  const answers = [];
  for (const runner of runners) answers.push({ runner, found: await runner.find() });
  return answers;
}

/** Runs every task on every runner in turns, one process at a time. */
export async function race(
  field: readonly { readonly runner: Runner; readonly description: string }[],
  {
    folder,
    tasks,
    rounds,
    log,
  }: { folder: string; tasks: readonly Task[]; rounds: number; log: (line: string) => void },
): Promise<Entry[]> {
  const runners = field.map(({ runner }) => runner);
  const samples = new Map(runners.map((runner) => [runner, {} as Record<string, Sample[]>]));
  for (const { round, runner, task } of turnsOf(runners, tasks, rounds)) {
    log(`round ${round + 1} of ${rounds}: ${task.title} on ${runner.name}`);
    const own = samples.get(runner)!;
    own[task.name] = [...(own[task.name] ?? []), await runner.run(folder, task)];
  }
  const entries: Entry[] = [];
  for (const { runner, description } of field) {
    log(`products and kernels of ${runner.name}`);
    entries.push({
      name: runner.name,
      description,
      samples: samples.get(runner)!,
      products: await runner.products(folder),
      profile: (await runner.profile?.(folder)) ?? null,
    });
  }
  return entries;
}
