/** Action of `sample-train`. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { EXIT, InputError, Interrupt, InterruptedError, near, note, shellWord } from "@mixtape/command-line";
import { type Loaded, load, loadTokenizerOf } from "@mixtape/command-line/load";
import { type AnyModel, type Engine, MixtapeError, type PreTrainedModel, type Tokenizer } from "@mixtape/mixtape";
import { lockFolder } from "@mixtape/safetensors";
import { bestStep, type HeldOutOptions } from "@mixtape/training";
import { evaluateJobs } from "./evaluate.js";
import type { Flags, TrainFlags } from "./flags.js";
import { type HeadTexts, headPlanOf, headTextsOf } from "./head-run.js";
import { type Plan, planOf, type Texts, textsOf } from "./plan.js";
import { Progress } from "./progress.js";
import { argumentsOnResume } from "./resume.js";
import type { RunFile } from "./run-file.js";
import { RunFolder } from "./run-folder.js";
import { showData } from "./show-data.js";
import { meanOf, showSummary, type TrainResult } from "./summary.js";
import { type TrainingArguments, trainingArgumentsOf } from "./training-arguments.js";
import { fitVocabulary } from "./vocabulary.js";

/**
 * Trains, from the start or from a saved run.
 * @returns the exit code
 */
export async function train(flags: Flags): Promise<number> {
  if (flags.showData !== undefined) {
    await showData(await trainingArgumentsOf(flags as TrainFlags), {
      count: flags.showData,
      json: flags.json ?? false,
    });
    return 0;
  }
  using interrupt = new Interrupt();
  const folder = new RunFolder(resolve(flags.output));
  folder.check();
  // Before anything is read: files that another run is writing would be read in part.
  const lock = await lockFolder(folder.path, ".run.lock");
  try {
    return await trainIn(folder, flags, interrupt);
  } finally {
    await lock.release();
  }
}

async function trainIn(folder: RunFolder, flags: Flags, interrupt: Interrupt): Promise<number> {
  const found = folder.read();
  checkFolder(folder, found, flags);
  const before = flags.resume ? found : null;
  if (before) folder.resume();
  const done = folder.steps.length;
  const args = before
    ? await argumentsOnResume(flags, before.settings, done)
    : await trainingArgumentsOf(flags as TrainFlags);
  const tokenizer = (await loadTokenizerOf(args.model, { optional: false }))!;
  const isHead = args.task !== "text-generation";
  const headTexts = isHead ? await headTextsOf(args, tokenizer) : null;
  const plainTexts = headTexts ? null : await textsOf(args, tokenizer);
  const texts = (headTexts ?? plainTexts)!;
  if (before)
    for (const [path, sha256] of Object.entries(texts.digests))
      if (before.data[path] !== sha256)
        throw new InputError({ where: path, expected: "the original texts of the run", got: "different ones" });

  const loading = { ...flags, model: args.model };
  const { plan, engine, model, evaluate } = headTexts
    ? await headSession(args, headTexts, await load(loading, interrupt, headTexts.task, headTexts.head))
    : await textSession(args, plainTexts!, tokenizer, await load(loading, interrupt));
  if (plan.steps < done)
    throw new InputError({
      where: "--epochs",
      expected: `at least ${done}, the number of steps taken`,
      got: `${plan.steps}`,
    });
  if (!flags.json) process.stderr.write(`${plan.about}\n`);
  if (before && plan.steps !== before.steps)
    note(`the run has ${plan.steps} steps now, in place of ${before.steps}; its schedule is that of the longer run`);
  for (const warning of [...texts.warnings, ...plan.truncations]) note(warning);
  const first = before ? null : await evaluate(interrupt.signal);
  const evalBefore = before ? before.evalBefore : (first?.losses ?? null);
  const scoresBefore = before ? before.scoresBefore : first?.scores;
  if (interrupt.came) throw new InterruptedError();
  const run = {
    settings: args,
    steps: plan.steps,
    data: texts.digests,
    evalBefore,
    ...(scoresBefore && { scoresBefore }),
  };
  if (found && flags.restart) folder.remove(found);
  if (before) folder.continueWith(run);
  else folder.begin(run);

  const progress = new Progress(folder.steps, plan.steps, meanOf(evalBefore));
  interrupt.signal.addEventListener("abort", () => progress.interrupted(), { once: true });
  try {
    const checkpoints = { folder: folder.checkpoint, every: args.saveEvery };
    const evaluation = evaluationOf(evaluate, args, progress);
    for await (const step of plan.train({ checkpoints, evaluation, signal: interrupt.signal })) {
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
  const saved = await folder.saveResult(model, args);
  const bestAt = bestStep(folder.steps);
  const kept = args.keepBest && bestAt !== null ? bestAt : folder.steps.length;
  if (args.keepBest && bestAt === null)
    note("no evaluation gave a loss that --keep-best could go by: what the last step left is saved");
  // Scores are not saved with the steps.
  const known = isHead ? undefined : folder.steps[kept - 1]?.evaluation?.metrics;
  const last = known ? { losses: known } : await evaluate(interrupt.signal);
  const evalAfter = last?.losses ?? null;
  const own = folder.steps.slice(done);
  const time = own.reduce((sum, step) => sum + step.seconds, 0);
  const result: TrainResult = {
    output: flags.output,
    saved,
    engine: engine.name,
    steps: folder.steps.length,
    finishReason: interrupt.came ? "interrupted" : folder.steps.length < plan.steps ? "patience" : "steps",
    firstLoss: folder.steps[0]?.loss ?? null,
    lastLoss: folder.steps.at(-1)?.loss ?? null,
    evalBefore,
    evalAfter,
    ...(scoresBefore && last?.scores && { scoresBefore, scoresAfter: last.scores }),
    bestStep: bestAt,
    tokensPerSecond: time > 0 ? own.reduce((sum, step) => sum + step.tokens, 0) / time : null,
  };
  if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    const bestLoss = bestAt === null ? null : (folder.steps[bestAt - 1]?.evaluation?.loss ?? null);
    showSummary(result, args, { done, all: plan.steps, time, bestLoss });
  }
  return interrupt.came ? EXIT.interrupted : 0;
}

/** @throws {InputError} if the contents of the folder contradict the flags */
function checkFolder(folder: RunFolder, found: RunFile | null, { resume, restart }: Flags): void {
  const wrong = (expected: string, got: string, fix: string): InputError =>
    new InputError({ where: folder.path, expected, got, fix });
  if (found && !resume && !restart)
    throw wrong(
      "a folder without a run",
      "one with a run in it",
      "--resume goes on with that run, --restart removes it and begins again; another run needs another folder",
    );
  if (!found && resume) throw wrong("a run to go on with", "none", "Leave out --resume");
  // A trained model is saved beside the run: it would replace another one in the folder.
  if (!found && folder.holdsCheckpoint)
    throw wrong(
      "a folder for the run",
      "one with a checkpoint in it",
      "Choose another folder for --output: the run would replace the checkpoint",
    );
}

/** A model that is ready to train, with its evaluation. */
interface Session {
  readonly model: PreTrainedModel;
  readonly engine: Engine;
  readonly plan: Plan;
  /** Null without held-out texts, or after an abort. */
  readonly evaluate: (signal: AbortSignal | undefined) => Promise<Evaluated | null>;
}

/** Held-out losses by job, and scores of a head. */
interface Evaluated {
  readonly losses: Readonly<Record<string, number>>;
  readonly scores?: Readonly<Record<string, number>>;
}

async function textSession(
  args: TrainingArguments,
  texts: Texts,
  tokenizer: Tokenizer,
  { model, engine }: Loaded,
): Promise<Session> {
  const plan = await planOf(model, await fitVocabulary(model, tokenizer, args, texts), texts);
  const evaluate: Session["evaluate"] = async (signal) => {
    const losses = await evaluateJobs(model, args, texts, signal);
    return losses && { losses };
  };
  return { model, engine, plan, evaluate };
}

async function headSession(
  args: TrainingArguments,
  texts: HeadTexts,
  { model, engine }: Loaded<AnyModel>,
): Promise<Session> {
  const plan = await headPlanOf(model, args, texts);
  const evaluate: Session["evaluate"] = async (signal) => {
    const found = await plan.evaluate(signal);
    return found && { losses: { [args.jobs[0]!.name]: found.loss }, scores: found.metrics };
  };
  return { model, engine, plan, evaluate };
}

/** Creates the evaluation during the run. With several jobs, the mean of their losses decides the best step. */
function evaluationOf(
  evaluate: Session["evaluate"],
  args: TrainingArguments,
  progress: Progress,
): HeldOutOptions | undefined {
  const { evalEvery, keepBest, patience } = args;
  if (evalEvery === null) return undefined;
  return {
    every: evalEvery,
    keepBest,
    ...(patience !== null && { patience }),
    data: async (signal) => {
      progress.pause();
      const found = await evaluate(signal);
      // Null after an abort.
      signal?.throwIfAborted();
      const { losses } = found!;
      return { loss: meanOf(losses)!, metrics: losses };
    },
  };
}

/** Returns an error of the run, after printing a note on how to continue. */
function withWayOn(error: unknown, { checkpoint }: RunFolder, output: string): unknown {
  if (!(error instanceof MixtapeError)) return error;
  // Repeating the steps would give the same numbers.
  const isDiverged = /NaN|Infinity/.test(error.got);
  const stays = existsSync(checkpoint) ? `what was saved in ${near(checkpoint)} stays` : "";
  const way = isDiverged
    ? `--restart --output ${shellWord(output)} begins again, with a lower --learning-rate for example`
    : `--resume --output ${shellWord(output)} goes on from there`;
  if (isDiverged || stays) note([stays, way].filter(Boolean).join(": "));
  return error;
}
