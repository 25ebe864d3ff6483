/** How far a run is, on standard error: a bar on a terminal, lines elsewhere. */

import { barStream, colors, note } from "@mixtape/command-line";
import type { TrainingStep } from "@mixtape/training";
import { SingleBar } from "cli-progress";

/** Speed and time left are told from that many steps. */
const RECENT = 20;
/** Without a terminal, about so many lines are written in all. */
const LINES = 20;

/** The bar goes where lines are to stay: the results of evaluations, and the last step. */
export class Progress {
  readonly #all: number;
  readonly #recent: TrainingStep[] = [];
  readonly #bar: SingleBar | null;
  #last: TrainingStep | null = null;
  #lowest: number;

  /**
   * @param before the steps that were taken before, of `all`
   * @param heldOut the loss of the texts that are held out before the first step
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

  /** Takes the bar away until the next step: something else is shown. */
  pause(): void {
    this.#bar?.stop();
  }

  /** Says what Ctrl-C does. */
  interrupted(): void {
    this.pause();
    note("saving after this batch; Ctrl-C again ends it at once, unsaved");
  }

  /** Takes the bar away. Where the last step was not written yet, it is now. */
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

/** How far the reading of texts that are held out is: a bar on a terminal, which is taken away at the end. */
export class EvaluationProgress {
  readonly #bar = makeBar("held out", true);

  /** @param all how many batches there are */
  constructor(all: number) {
    this.#bar?.start(all, 0, { facts: "" });
  }

  /** One more has been read. */
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
    // With all that is told beside it, a line of 80 characters.
    barsize: 16,
    clearOnComplete,
    hideCursor: false,
    // Ctrl-C is the command's own affair.
    gracefulExit: false,
  });
}
