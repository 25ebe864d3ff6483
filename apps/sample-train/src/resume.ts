/** Flags of a resumed run. */

import { InputError, UsageError } from "@mixtape/command-line";
import type { Flags, TrainFlags } from "./flags.js";
import type { Learner } from "./learner.js";
import { type Settings, settingsOf } from "./settings.js";

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
export async function settingsOnResume(flags: Flags, before: Settings, done: number): Promise<Settings> {
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
    ...(epochs !== undefined && { steps: null, learners: before.learners.map((learner) => ({ ...learner, epochs })) }),
    ...(steps !== undefined && { steps }),
  };
  return longer;
}

/** @throws {InputError} if flags differ from the run's settings, except for those that may change */
async function compare(flags: Flags, before: Settings): Promise<void> {
  if (flags.model === undefined || (flags.data === undefined && flags.adapters === undefined))
    throw new UsageError(
      "--resume takes the settings of its run: leave out the flags other than --steps and --epochs, or give all of them",
    );
  const now = JSON.parse(JSON.stringify(await settingsOf(flags as TrainFlags))) as Settings;
  const differing = [
    ...differences(fixed(before), fixed(now)).filter((key) => key !== "learners"),
    ...before.learners.flatMap((learner, i) => {
      const other = now.learners[i];
      return other ? differences(withoutEpochs(learner), withoutEpochs(other)) : ["learners"];
    }),
    ...(now.learners.length > before.learners.length ? ["learners"] : []),
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
const FLAGS: Readonly<Record<string, string>> = { name: "--method", adapter: "the adapter", learners: "--adapters" };

function flagOf(setting: string): string {
  return FLAGS[setting] ?? `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function fixed({ steps: _, saveEvery: __, ...settings }: Settings): object {
  return settings;
}

function withoutEpochs({ epochs: _, ...learner }: Learner): object {
  return learner;
}

function differences(a: object, b: object): string[] {
  const values = (of: object): Readonly<Record<string, unknown>> => ({ ...of });
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (key) => JSON.stringify(values(a)[key]) !== JSON.stringify(values(b)[key]),
  );
}
