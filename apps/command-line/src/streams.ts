/** Standard output and standard error, as pipes and as terminals. */

import { EXIT, explain, OutputError } from "./failure.js";

/**
 * Says what becomes of output that cannot be written. When whoever reads standard output has read enough, as `head` does,
 * the process ends without a word; when it cannot be written for another reason, such as a full disk, it ends with one
 * message. What cannot be said on standard error changes nothing: the work goes on, and the exit code tells how it ended.
 */
export function watchOutput(): void {
  // The process must end here: an error thrown from here would meet the listeners that the wasm engine adds to the process.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    const failure = new OutputError({ where: "standard output", expected: "to be written to", got: error.message });
    process.stderr.write(explain(failure, false));
    process.exit(EXIT.failure);
  });
  process.stderr.on("error", () => {});
}

/** Resolves when standard output has taken all that was written to it; where it cannot, {@link watchOutput} ends the process. */
export function outputTaken(): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write("", (error) => {
      if (!error) resolve();
    });
  });
}
