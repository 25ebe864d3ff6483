/** A program of commands, from the arguments to the exit code. */

import { type Command, CommanderError } from "commander";
import { colors, colorsFor } from "./colors.js";
import { exitCodeOf, explain, SEE_HELP, UsageError } from "./failure.js";
import { watchOutput } from "./streams.js";
import { guardTerminal } from "./terminal.js";

/**
 * Runs a program, and ends with its exit code.
 * @param make is told how to say the exit code of what ran
 */
export async function runProgram(make: (end: (exitCode: number) => void) => Command): Promise<void> {
  guardTerminal();
  watchOutput();
  try {
    await make((code) => {
      process.exitCode = code;
    }).parseAsync();
  } catch (error) {
    // Commander has already printed its own messages, help among them.
    if (!(error instanceof CommanderError)) process.stderr.write(explain(error, wantsDetails()));
    process.exitCode = exitCodeOf(error);
  }
}

/** A command whose errors are one line, and whose help is plain. */
export function prepared(command: Command): Command {
  return command
    .exitOverride()
    .allowExcessArguments()
    .helpCommand(false)
    .showHelpAfterError(false)
    .hook("preAction", (_, { args: [word] }) => {
      if (word !== undefined) throw new UsageError(`expected flags, got "${word}". A text with spaces needs quotes`);
    })
    .configureOutput({
      outputError: (message, write) => write(`${colors.red("error:")} ${sentence(message)} ${SEE_HELP}\n`),
    })
    .configureHelp({ styleTitle: colorsFor(process.stdout).bold });
}

function wantsDetails(): boolean {
  return process.argv.includes("--debug") || process.env.MIXTAPE_DEBUG === "1";
}

/** Commander's message on one line, closed by a full stop. */
function sentence(message: string): string {
  const text = message
    .replace(/^error: /, "")
    .trim()
    .replace(/\s*\n\s*/g, " ");
  return /[.?!)]$/.test(text) ? text : `${text}.`;
}
