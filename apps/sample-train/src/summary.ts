/** Summary of a run. */

import { colors, near, plural, rate, seconds, shellWord, table, whole } from "@mixtape/command-line";
import type { TrainingArguments } from "./training-arguments.js";

/** Output of `--json`. */
export interface TrainResult {
  readonly output: string;
  /** Folders of the result: each adapter, or the model. */
  readonly saved: readonly string[];
  readonly engine: string;
  readonly steps: number;
  readonly finishReason: "steps" | "patience" | "interrupted";
  readonly firstLoss: number | null;
  readonly lastLoss: number | null;
  /** Held-out loss in nats per token, by job; null without `--eval`. */
  readonly evalBefore: Readonly<Record<string, number>> | null;
  readonly evalAfter: Readonly<Record<string, number>> | null;
  /** Held-out scores of a run with a head: `accuracy` and `f1`, `exactMatch` or `mse`. */
  readonly scoresBefore?: Readonly<Record<string, number>>;
  readonly scoresAfter?: Readonly<Record<string, number>>;
  /** The step with the lowest held-out loss; null without `--eval-every`, and if none was evaluated. */
  readonly bestStep: number | null;
  readonly tokensPerSecond: number | null;
}

/** Returns the mean of the losses of several jobs. */
export function meanOf(losses: Readonly<Record<string, number>> | null): number | null {
  const all = losses && Object.values(losses);
  return all && all.reduce((sum, loss) => sum + loss, 0) / all.length;
}

/** Contents of a summary besides the result. */
export interface RunSummary {
  /** Steps that were taken before this process, of `all`; the others took `time` seconds. */
  readonly done: number;
  readonly all: number;
  readonly time: number;
  /** Lowest held-out loss during the run. */
  readonly bestLoss: number | null;
}

export function showSummary(result: TrainResult, args: TrainingArguments, run: RunSummary): void {
  const { saved, engine, steps, finishReason, firstLoss, lastLoss, evalBefore, evalAfter } = result;
  const { model, jobs, patience } = args;
  const { done, all, time } = run;
  const isHead = args.task !== "text-generation";
  const seen = args.task === "question-answering" ? "--question … --text …" : isHead ? "--text …" : "--prompt …";
  const output = near(result.output);
  const losses = (by: Readonly<Record<string, number>>): string =>
    Object.entries(by)
      .map(([name, loss]) => `${Object.keys(by).length > 1 ? `${name} ` : ""}${loss.toFixed(4)}`)
      .join(", ");
  const now = done > 0 ? `, ${whole(steps - done)} of them now` : "";
  const taken = `${steps < all ? `${whole(steps)} of ${plural(all, "step")}` : plural(steps, "step")}${now}`;
  const savedFolder = shellWord(near(saved[0]!));
  const trained = jobs[0]!.adapter === null ? savedFolder : `${shellWord(near(model))} --adapter ${savedFolder}`;
  const rows: [string, string][] = [
    ["engine", engine],
    ["steps", [taken, seconds(time * 1000), rate(result.tokensPerSecond)].join(", ")],
    ...(firstLoss === null || lastLoss === null
      ? []
      : [["loss", `${firstLoss.toFixed(4)} at first, ${lastLoss.toFixed(4)} at last`] as [string, string]]),
    ...(evalBefore && evalAfter
      ? [
          [
            "held out",
            `${losses(evalBefore)} before, ${losses(evalAfter)} after (${isHead ? "mean loss" : "nats per token"})`,
          ] as [string, string],
        ]
      : []),
    ...Object.entries(result.scoresAfter ?? {}).map(([name, score]): [string, string] => {
      const before = result.scoresBefore?.[name];
      return [name, `${before === undefined ? "" : `${before.toFixed(4)} before, `}${score.toFixed(4)} after`];
    }),
    ...(result.bestStep === null ? [] : [["lowest at", bestOf(result, args, run)] as [string, string]]),
    ...(finishReason === "patience"
      ? [["ended", `after ${plural(patience!, "evaluation")} without a new lowest loss`] as [string, string]]
      : []),
    ["saved", saved.map(near).join(", ")],
    ["report", `${output}/report.html`],
    ["to see it", `sample-generate ${isHead ? "classify" : "generate"} --model ${trained} ${seen}`],
    ...(finishReason === "interrupted"
      ? [["to go on", `sample-train --resume --output ${shellWord(output)}`] as [string, string]]
      : []),
  ];
  process.stdout.write(`\n${table(rows, colors.dim)}`);
}

/** Describes the step with the lowest held-out loss, and whether it was saved. */
function bestOf(
  { bestStep, evalBefore }: TrainResult,
  { keepBest }: TrainingArguments,
  { bestLoss }: RunSummary,
): string {
  const before = meanOf(evalBefore);
  const isHigher = before !== null && bestLoss !== null && bestLoss >= before;
  return `step ${bestStep}${keepBest ? ", which is saved" : ""}${isHigher ? "; before the run it was lower" : ""}`;
}
