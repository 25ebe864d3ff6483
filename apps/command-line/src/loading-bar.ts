import { SingleBar } from "cli-progress";
import { colors } from "./colors.js";
import { bytes } from "./format.js";

/** How far loading is, on standard error, where that is a terminal. */
export class LoadingBar {
  readonly #bar: SingleBar | null = process.stderr.isTTY ? makeBar() : null;

  show({ loadedBytes, totalBytes }: { readonly loadedBytes: number; readonly totalBytes: number }): void {
    const sizes = { loaded: bytes(loadedBytes), all: bytes(totalBytes) };
    if (this.#bar?.isActive) this.#bar.update(loadedBytes, sizes);
    else this.#bar?.start(totalBytes, loadedBytes, sizes);
  }

  /** Takes the bar away. */
  clear(): void {
    this.#bar?.stop();
  }
}

function makeBar(): SingleBar {
  return new SingleBar({
    format: `${colors.dim("loading")} {bar} {loaded} of {all}`,
    stream: process.stderr,
    barCompleteChar: "━",
    barIncompleteChar: " ",
    barsize: 30,
    clearOnComplete: true,
    hideCursor: false,
    // Ctrl-C is the command's own affair.
    gracefulExit: false,
  });
}
