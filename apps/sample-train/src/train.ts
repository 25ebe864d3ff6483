/** `sample-train`: what it does. */

import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import {
  colors,
  EXIT,
  InputError,
  Interrupt,
  InterruptedError,
  plural,
  rate,
  seconds,
  table,
  UsageError,
  whole,
} from "@mixtape/command-line";
import { load, loadTokenizerOf } from "@mixtape/command-line/load";
import { MixtapeError } from "@mixtape/mixtape";
import { evaluateLearners } from "./evaluate.js";
import type { Flags, TrainFlags } from "./flags.js";
import { planOf, textsOf } from "./plan.js";
import { Progress } from "./progress.js";
import { RunFolder } from "./run-folder.js";
import { type Settings, settingsOf } from "./settings.js";

/** What `--json` prints. */
interface TrainResult {
  readonly output: string;
  /** The folders of what was learnt: an adapter each, or the model. */
  readonly saved: readonly string[];
  readonly engine: string;
  readonly steps: number;
  readonly finishReason: "steps" | "interrupted";
  readonly firstLoss: number | null;
  readonly lastLoss: number | null;
  /** Nats per token of the texts that are held out, by learner; null without `--eval`. */
  readonly evalBefore: Readonly<Record<string, number>> | null;
  readonly evalAfter: Readonly<Record<string, number>> | null;
  readonly tokensPerSecond: number | null;
}

/**
 * Trains, from the start or from where a run was saved.
 * @returns the exit code
 */
export async function train(flags: Flags): Promise<number> {
  using interrupt = new Interrupt();
  const folder = new RunFolder(resolve(flags.output));
  const before = folder.read();
  if (before && !flags.resume)
    throw new InputError({
      where: folder.path,
      expected: "a folder without a run",
      got: "one with a run in it",
      fix: "--resume goes on with that run; another run needs another folder",
    });
  if (!before && flags.resume)
    throw new InputError({
      where: folder.path,
      expected: "a run to go on with",
      got: "none",
      fix: "Leave out --resume",
    });
  // A model that was trained is saved beside the run: in a folder with another one it would take its place.
  if (!before && folder.holdsCheckpoint)
    throw new InputError({
      where: folder.path,
      expected: "a folder for the run",
      got: "one with a checkpoint in it",
      fix: "Name another folder in --output: what a run saves would take the place of the checkpoint",
    });
  const settings = before ? await checked(flags, before.settings) : await settingsOf(flags as TrainFlags);
  const tokenizer = (await loadTokenizerOf(settings.model, { optional: false }))!;
  const texts = await textsOf(settings, tokenizer);
  if (before)
    for (const [path, sha256] of Object.entries(texts.digests))
      if (before.data[path] !== sha256)
        throw new InputError({ where: path, expected: "the texts that the run began with", got: "others" });

  const { model, engine } = await load({ ...flags, model: settings.model }, interrupt);
  const plan = await planOf(model, settings, texts);
  if (!flags.json) process.stderr.write(`${plan.about}\n`);
  const evalBefore = before ? before.evalBefore : await evaluateLearners(model, settings, texts, interrupt.signal);
  if (interrupt.came) throw new InterruptedError();
  if (before) folder.resume();
  else folder.begin({ settings, steps: plan.steps, data: texts.digests, evalBefore });
  const done = folder.steps.length;

  const progress = new Progress(done, plan.steps);
  interrupt.signal.addEventListener("abort", () => progress.interrupted(), { once: true });
  try {
    const checkpoints = { folder: folder.checkpoint, every: settings.saveEvery };
    for await (const step of plan.train({ checkpoints, signal: interrupt.signal })) {
      folder.add(step);
      progress.show(step);
    }
  } catch (error) {
    if (!interrupt.came) throw withWayOn(error, folder, flags.output);
    if (folder.steps.length === 0) throw new InterruptedError();
  } finally {
    progress.end();
  }
  folder.writeReport();
  const saved = await folder.saveLearnt(model, settings);
  const evalAfter = await evaluateLearners(model, settings, texts, interrupt.signal);
  const own = folder.steps.slice(done);
  const time = own.reduce((sum, step) => sum + step.seconds, 0);
  const result: TrainResult = {
    output: flags.output,
    saved,
    engine: engine.name,
    steps: folder.steps.length,
    finishReason: folder.steps.length < plan.steps ? "interrupted" : "steps",
    firstLoss: folder.steps[0]?.loss ?? null,
    lastLoss: folder.steps.at(-1)?.loss ?? null,
    evalBefore,
    evalAfter,
    tokensPerSecond: time > 0 ? own.reduce((sum, step) => sum + step.tokens, 0) / time : null,
  };
  if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else showSummary(result, settings, { done, all: plan.steps, time });
  return interrupt.came ? EXIT.interrupted : 0;
}

/** The settings of a run that goes on: what the flags say of them must be what they are. */
async function checked(flags: Flags, settings: Settings): Promise<Settings> {
  const { output, resume, json, debug, engine, threads, precision, ignore, checkFinite, ...asked } = flags;
  if (Object.keys(asked).length === 0) return settings;
  if (flags.model === undefined || (flags.data === undefined && flags.adapters === undefined))
    throw new UsageError("--resume takes the settings of its run: leave out the other flags, or give all of them");
  const now = JSON.parse(JSON.stringify(await settingsOf(flags as TrainFlags))) as Settings;
  const differing = Object.keys(settings).filter(
    (key) => JSON.stringify(settings[key as keyof Settings]) !== JSON.stringify(now[key as keyof Settings]),
  );
  if (differing.length === 0) return settings;
  throw new InputError({
    where: flags.output,
    expected: "the settings that the run began with",
    got: `others: ${differing.join(", ")}`,
    fix: "Leave the flags out, or start another run in another folder",
  });
}

/** An error of the run, with where it can go on. */
function withWayOn(error: unknown, { checkpoint }: RunFolder, output: string): unknown {
  if (error instanceof MixtapeError && existsSync(checkpoint))
    process.stderr.write(
      `${colors.yellow("note:")} what was saved in ${checkpoint} stays: --resume --output ${output} goes on from there\n`,
    );
  return error;
}

/** @param done steps that were taken before this process, of `all`; the others took `time` seconds */
function showSummary(
  result: TrainResult,
  { model, learners }: Settings,
  { done, all, time }: { readonly done: number; readonly all: number; readonly time: number },
): void {
  const { saved, engine, steps, finishReason, firstLoss, lastLoss, evalBefore, evalAfter, output } = result;
  const losses = (by: Readonly<Record<string, number>>): string =>
    Object.entries(by)
      .map(([name, loss]) => `${Object.keys(by).length > 1 ? `${name} ` : ""}${loss.toFixed(4)}`)
      .join(", ");
  const now = done > 0 ? `, ${whole(steps - done)} of them now` : "";
  const taken = `${steps < all ? `${whole(steps)} of ${plural(all, "step")}` : plural(steps, "step")}${now}`;
  const trained = learners[0]!.adapter === null ? near(saved[0]!) : `${near(model)} --adapter ${near(saved[0]!)}`;
  const rows: [string, string][] = [
    ["engine", engine],
    ["steps", [taken, seconds(time * 1000), rate(result.tokensPerSecond)].join(", ")],
    ...(firstLoss === null || lastLoss === null
      ? []
      : [["loss", `${firstLoss.toFixed(4)} at first, ${lastLoss.toFixed(4)} at last`] as [string, string]]),
    ...(evalBefore && evalAfter
      ? [["held out", `${losses(evalBefore)} before, ${losses(evalAfter)} after (nats per token)`] as [string, string]]
      : []),
    ["saved", saved.map(near).join(", ")],
    ["report", `${output}/report.html`],
    ["to see it", `sample-generate generate --model ${trained} --prompt …`],
    ...(finishReason === "interrupted"
      ? [["to go on", `sample-train --resume --output ${output}`] as [string, string]]
      : []),
  ];
  process.stdout.write(`\n${table(rows, colors.dim)}`);
}

/** A path as it is reached from here, where it lies below. */
function near(path: string): string {
  const way = relative("", path);
  return way === "" || way.startsWith("..") ? path : way;
}
