/** Progress of a run on standard error: a bar on a terminal, lines elsewhere. */

import { barStream, colors, note } from "@mixtape/command-line";
import type { TrainingStep } from "@mixtape/training";
import { SingleBar } from "cli-progress";

/** Number of steps from which speed and remaining time are computed. */
const RECENT = 20;
/** Approximate number of lines without a terminal. */
const LINES = 20;

/** Progress of a run. The bar is removed before permanent lines: the results of evaluations, and the last step. */
export class Progress {
  readonly #all: number;
  readonly #recent: TrainingStep[] = [];
  readonly #bar: SingleBar | null;
  #last: TrainingStep | null = null;
  #lowest: number;

  /**
   * @param before steps that were taken before, of `all`
   * @param heldOut held-out loss before the first step
   */
  constructor(before: readonly TrainingStep[], all: number, heldOut: number | null) {
    this.#all = all;
    this.#lowest = heldOut ?? Number.POSITIVE_INFINITY;
    for (const { evaluation } of before) this.#lowest = Math.min(this.#lowest, evaluation?.loss ?? this.#lowest);
    this.#bar = makeBar("training", true);
    this.#bar?.start(all, before.length, { facts: "" });
  }

  show(step: TrainingStep): void {
    this.#recent.push(step);
    if (this.#recent.length > RECENT) this.#recent.shift();
    this.#last = step;
    const every = Math.max(1, Math.floor(this.#all / LINES));
    const isTold = this.#recent.length === 1 || step.step % every === 0 || step.step === this.#all;
    if (step.evaluation || (!this.#bar && isTold)) this.#write(step);
    if (this.#bar && !this.#bar.isActive && step.step < this.#all) this.#bar.start(this.#all, step.step, { facts: "" });
    this.#bar?.update(step.step, { facts: this.#facts(step) });
  }

  /** Removes the bar until the next step, so that something else can be printed. */
  pause(): void {
    this.#bar?.stop();
  }

  /** Explains the effect of Ctrl-C. */
  interrupted(): void {
    this.pause();
    note("saving after this batch; Ctrl-C again ends it at once, unsaved");
  }

  /** Removes the bar, and prints the last step if it was not printed yet. */
  end(): void {
    this.pause();
    if (this.#bar && this.#last && !this.#last.evaluation) this.#write(this.#last);
  }

  #write(step: TrainingStep): void {
    this.pause();
    const { evaluation } = step;
    const isLowest = evaluation !== undefined && evaluation.loss < this.#lowest;
    if (isLowest) this.#lowest = evaluation.loss;
    const heldOut = evaluation
      ? `  held out ${colors.bold(evaluation.loss.toFixed(4))}${isLowest ? colors.green(" lowest") : ""}`
      : "";
    process.stderr.write(`step ${step.step} of ${this.#all}  ${this.#facts(step)}${heldOut}\n`);
  }

  #facts({ step, loss }: TrainingStep): string {
    const time = this.#recent.reduce((sum, { seconds }) => sum + seconds, 0);
    const tokens = this.#recent.reduce((sum, { tokens }) => sum + tokens, 0);
    const left = ((this.#all - step) * time) / this.#recent.length;
    const rest = step < this.#all ? `  ${duration(left)} left` : "";
    return `loss ${loss.toFixed(4)}  ${(tokens / time).toFixed(0)} tokens/s${rest}`;
  }
}

/** Progress of evaluating held-out texts: a bar on a terminal, which is removed at the end. */
export class EvaluationProgress {
  readonly #bar = makeBar("held out", true);

  /** @param all number of batches */
  constructor(all: number) {
    this.#bar?.start(all, 0, { facts: "" });
  }

  /** Counts one more batch. */
  step(): void {
    this.#bar?.increment();
  }

  end(): void {
    this.#bar?.stop();
  }
}

/** `12 s`, `3 min 5 s`, `2 h 10 min` */
function duration(secondsLeft: number): string {
  const whole = Math.ceil(secondsLeft);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** Null without a terminal. */
function makeBar(title: string, clearOnComplete: boolean): SingleBar | null {
  if (!process.stderr.isTTY) return null;
  return new SingleBar({
    format: `${colors.dim(title)} {bar} {value}/{total}  {facts}`,
    stream: barStream(),
    barCompleteChar: "━",
    barIncompleteChar: " ",
    // With all its fields, a line of 80 characters.
    barsize: 16,
    clearOnComplete,
    hideCursor: false,
    // The command handles Ctrl-C itself.
    gracefulExit: false,
  });
}
