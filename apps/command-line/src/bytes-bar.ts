import { SingleBar } from "cli-progress";
import { colors } from "./colors.js";
import { bytes } from "./format.js";
import { barStream } from "./terminal.js";

/** Progress of loading or saving, in bytes of a checkpoint, on standard error if that is a terminal. */
export class BytesBar {
  readonly #bar: SingleBar | null;

  /** @param verb such as `loading` */
  constructor(verb: string) {
    this.#bar = process.stderr.isTTY ? makeBar(verb) : null;
  }

  show(done: number, total: number): void {
    const sizes = { done: bytes(done), all: bytes(total) };
    if (this.#bar?.isActive) this.#bar.update(done, sizes);
    else this.#bar?.start(total, done, sizes);
  }

  /** Removes the bar. */
  clear(): void {
    this.#bar?.stop();
  }
}

function makeBar(verb: string): SingleBar {
  return new SingleBar({
    format: `${colors.dim(verb)} {bar} {done} of {all}`,
    stream: barStream(),
    barCompleteChar: "━",
    barIncompleteChar: " ",
    barsize: 30,
    clearOnComplete: true,
    hideCursor: false,
    // The command handles Ctrl-C itself.
    gracefulExit: false,
  });
}
