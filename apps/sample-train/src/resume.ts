/** Flags of a resumed run. */

import { InputError, UsageError } from "@mixtape/command-line";
import type { FineTuningJob } from "./fine-tuning-job.js";
import type { Flags, TrainFlags } from "./flags.js";
import { type TrainingArguments, trainingArgumentsOf } from "./training-arguments.js";

/** Flags that do not change the result of a run. */
const FREE = [
  ...["output", "resume", "json", "debug", "engine", "threads", "precision", "ignore", "checkFinite", "showData"],
] as const;

/**
 * Returns the settings of a resumed run: the original ones, but `--steps` and `--epochs` may make it longer, and
 * `--save-every` may change.
 * @param done number of steps taken
 * @throws {InputError} for a flag that contradicts the run
 */
export async function argumentsOnResume(
  flags: Flags,
  before: TrainingArguments,
  done: number,
): Promise<TrainingArguments> {
  const asked = Object.fromEntries(Object.entries(flags).filter(([name]) => !FREE.some((free) => free === name)));
  const { steps, epochs, saveEvery, ...others } = asked as Partial<TrainFlags>;
  if (steps !== undefined && steps < done)
    throw new InputError({
      where: "--steps",
      expected: `at least ${done}, the number of steps taken`,
      got: `${steps}`,
      fix: "A run cannot become shorter than it is",
    });
  if (Object.keys(others).length > 0) await compare(flags, before);
  const longer = {
    ...before,
    ...(saveEvery !== undefined && { saveEvery }),
    // A number of epochs implies a number of steps too: the larger one is used.
    ...(epochs !== undefined && { steps: null, jobs: before.jobs.map((job) => ({ ...job, epochs })) }),
    ...(steps !== undefined && { steps }),
  };
  return longer;
}

/** @throws {InputError} if flags differ from the run's settings, except for those that may change */
async function compare(flags: Flags, before: TrainingArguments): Promise<void> {
  if (flags.model === undefined || (flags.data === undefined && flags.adapters === undefined))
    throw new UsageError(
      "--resume takes the settings of its run: leave out the flags other than --steps and --epochs, or give all of them",
    );
  const now = JSON.parse(JSON.stringify(await trainingArgumentsOf(flags as TrainFlags))) as TrainingArguments;
  const differing = [
    ...differences(fixed(before), fixed(now)).filter((key) => key !== "jobs"),
    ...before.jobs.flatMap((job, i) => {
      const other = now.jobs[i];
      return other ? differences(withoutEpochs(job), withoutEpochs(other)) : ["jobs"];
    }),
    ...(now.jobs.length > before.jobs.length ? ["jobs"] : []),
  ];
  if (differing.length === 0) return;
  throw new InputError({
    where: flags.output,
    expected: "the original settings of the run",
    got: `different ones: ${[...new Set(differing.map(flagOf))].join(", ")}`,
    fix: "Leave the flags out; --restart starts over with other settings, and another folder keeps both runs",
  });
}

/** Settings that are not named like the flag that sets them. */
const FLAGS: Readonly<Record<string, string>> = { name: "--method", adapter: "the adapter", jobs: "--adapters" };

function flagOf(setting: string): string {
  return FLAGS[setting] ?? `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function fixed({ steps: _, saveEvery: __, ...args }: TrainingArguments): object {
  return args;
}

function withoutEpochs({ epochs: _, ...job }: FineTuningJob): object {
  return job;
}

function differences(a: object, b: object): string[] {
  const values = (of: object): Readonly<Record<string, unknown>> => ({ ...of });
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (key) => JSON.stringify(values(a)[key]) !== JSON.stringify(values(b)[key]),
  );
}
