/** The command line `sample-generate`: reads the arguments, runs one command, and ends with its exit code. */

import { CommanderError } from "commander";
import { exitCodeOf, explain } from "./failure.js";
import { makeProgram } from "./program.js";
import { watchOutput } from "./streams.js";

async function main(): Promise<void> {
  watchOutput();
  try {
    await makeProgram((code) => {
      process.exitCode = code;
    }).parseAsync();
  } catch (error) {
    // Commander has already printed its own messages, help among them.
    if (!(error instanceof CommanderError)) process.stderr.write(explain(error, wantsDetails()));
    process.exitCode = exitCodeOf(error);
  }
}

function wantsDetails(): boolean {
  return process.argv.includes("--debug") || process.env.MIXTAPE_DEBUG === "1";
}

void main();
