import { SingleBar } from "cli-progress";
import { colors } from "./colors.js";
import { bytes } from "./format.js";
import { barStream } from "./terminal.js";

/** How many bytes of a checkpoint are loaded or saved, on standard error, where that is a terminal. */
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

  /** Takes the bar away. */
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
    // Ctrl-C is the command's own affair.
    gracefulExit: false,
  });
}
