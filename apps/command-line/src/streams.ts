/** Standard output and standard error, as pipes and as terminals. */

import { EXIT, explain, OutputError } from "./failure.js";

/**
 * Handles output that cannot be written. If the reader of standard output closes it, as `head` does, the process ends
 * silently; after another failure, such as a full disk, it ends with one message. Failures of standard error are
 * ignored: the work continues, and the exit code reports the result.
 */
export function watchOutput(): void {
  // Exits here: an error thrown from here would reach the listeners that the wasm engine adds to the process.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    const failure = new OutputError({ where: "standard output", expected: "a writable stream", got: error.message });
    process.stderr.write(explain(failure));
    process.exit(EXIT.failure);
  });
  process.stderr.on("error", () => {});
}

/** Resolves once standard output has accepted everything; if it cannot, {@link watchOutput} ends the process. */
export function outputTaken(): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write("", (error) => {
      if (!error) resolve();
    });
  });
}
