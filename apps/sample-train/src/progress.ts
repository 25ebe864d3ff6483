/** How far a run is, on standard error: a bar on a terminal, lines elsewhere. */

import { colors, seconds } from "@mixtape/command-line";
import type { TrainingStep } from "@mixtape/training";
import { SingleBar } from "cli-progress";

/** Speed and time left are told from that many steps. */
const RECENT = 20;
/** Without a terminal, about so many lines are written in all. */
const LINES = 20;

export class Progress {
  readonly #all: number;
  readonly #recent: TrainingStep[] = [];
  readonly #bar: SingleBar | null;

  /** @param done steps that were taken before, of `all` */
  constructor(done: number, all: number) {
    this.#all = all;
    this.#bar = process.stderr.isTTY ? makeBar() : null;
    this.#bar?.start(all, done, { facts: "" });
  }

  show(step: TrainingStep): void {
    this.#recent.push(step);
    if (this.#recent.length > RECENT) this.#recent.shift();
    const facts = this.#facts(step);
    this.#bar?.update(step.step, { facts });
    const every = Math.max(1, Math.floor(this.#all / LINES));
    const isTold = this.#recent.length === 1 || step.step % every === 0 || step.step === this.#all;
    if (!this.#bar && isTold) process.stderr.write(`step ${step.step} of ${this.#all}  ${facts}\n`);
  }

  /** Takes the bar away. */
  clear(): void {
    this.#bar?.stop();
  }

  #facts({ step, loss }: TrainingStep): string {
    const time = this.#recent.reduce((sum, { seconds }) => sum + seconds, 0);
    const tokens = this.#recent.reduce((sum, { tokens }) => sum + tokens, 0);
    const left = ((this.#all - step) * time) / this.#recent.length;
    return `loss ${loss.toFixed(4)}  ${(tokens / time).toFixed(0)} tokens/s  ${duration(left)} left`;
  }
}

/** `12.40 s`, `3 min 5 s`, `2 h 10 min` */
function duration(secondsLeft: number): string {
  if (secondsLeft < 60) return seconds(secondsLeft * 1000);
  const whole = Math.round(secondsLeft);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${whole % 60} s`;
}

function makeBar(): SingleBar {
  return new SingleBar({
    format: `${colors.dim("training")} {bar} {value}/{total}  {facts}`,
    stream: process.stderr,
    barCompleteChar: "━",
    barIncompleteChar: " ",
    barsize: 24,
    clearOnComplete: false,
    hideCursor: false,
    // Ctrl-C is the command's own affair.
    gracefulExit: false,
  });
}
