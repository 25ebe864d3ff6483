/** Runs a program of commands, from the arguments to the exit code. */

import { type Command, CommanderError } from "commander";
import { colors, colorsFor } from "./colors.js";
import { exitCodeOf, explain, SEE_HELP, UsageError } from "./failure.js";
import { flagSyntax } from "./flag-syntax.js";
import { watchOutput } from "./streams.js";
import { guardTerminal } from "./terminal.js";

/** Creates the program. @param end receives the exit code of the command that ran */
export type MakeProgram = (end: (exitCode: number) => void) => Command;

/** Runs a program with the arguments of the process, and exits with its exit code. */
export async function runProgram(make: MakeProgram): Promise<void> {
  guardTerminal();
  watchOutput();
  process.exitCode = await exitCodeAfter(make, process.argv.slice(2));
}

/** Runs a program with these arguments, and prints errors on standard error. */
export async function exitCodeAfter(make: MakeProgram, args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const end = (code: number): void => {
    exitCode = code;
  };
  let running: Command | undefined;
  try {
    const program = make(end).hook("preAction", (_, command) => {
      running = command;
    });
    await program.parseAsync(withDefaultCommand(args, program), { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander has already printed its own messages, help among them.
    if (!(error instanceof CommanderError))
      process.stderr.write(explain(error, { details: wantsDetails(args), syntax: flagSyntax(running) }));
    return exitCodeOf(error);
  }
}

/**
 * Puts the first command before flags that stand alone, unless the program has the flag itself: `sample-generate --model DIR` is
 * `sample-generate generate --model DIR`.
 */
function withDefaultCommand(args: readonly string[], program: Command): readonly string[] {
  const [flag] = args;
  const [command] = program.commands;
  if (!command || !flag?.startsWith("-") || ["-h", "--help"].includes(flag)) return args;
  const isOwn = program.options.some(({ short, long }) => [short, long].includes(flag));
  return isOwn ? args : [command.name(), ...args];
}

/** Prepares a command: errors are one line, and help is plain. */
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

function wantsDetails(args: readonly string[]): boolean {
  return args.includes("--debug") || process.env.MIXTAPE_DEBUG === "1";
}

/** Formats Commander's message on one line, with a full stop. */
function sentence(message: string): string {
  const text = message
    .replace(/^error: /, "")
    .trim()
    .replace(/\s*\n\s*/g, " ");
  return /[.?!)]$/.test(text) ? text : `${text}.`;
}
