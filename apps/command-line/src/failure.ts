/** What went wrong, in words, and the exit code that says of what kind it was. */

import { MixtapeError, shortened } from "@mixtape/errors";
import { CommanderError } from "commander";
import { colors } from "./colors.js";
import { whole } from "./format.js";

/** Exit codes. */
export const EXIT = {
  /** A checkpoint, a file or an engine is not as it should be. */
  failure: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** Ctrl-C: 128 plus the number of the signal. */
  interrupted: 130,
} as const;

/** What closes every message about the command line. */
export const SEE_HELP = "See --help.";

/** A command line that says too little, or two things at once. */
export class UsageError extends Error {
  constructor(message: string) {
    super(`${message}. ${SEE_HELP}`);
  }
}

/** A file that was named on the command line does not hold what it should. */
export class InputError extends MixtapeError {
  static override readonly brand: string = "InputError";
}

/** Standard output cannot be written. */
export class OutputError extends MixtapeError {
  static override readonly brand: string = "OutputError";
}

/** Ctrl-C came before there was anything to show. */
export class InterruptedError extends Error {
  constructor() {
    super("Interrupted.");
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof InterruptedError) return EXIT.interrupted;
  return EXIT.failure;
}

/** One message, without a stack; with `details` all of it, with the stack and the causes. */
export function explain(error: unknown, details: boolean): string {
  if (error instanceof InterruptedError) return `${error.message}\n`;
  const label = colors.red("error:");
  if (details) return `${label} ${error instanceof Error ? describeAll(error) : String(error)}\n`;
  const message = error instanceof Error ? error.message : String(error);
  const known = error instanceof MixtapeError || error instanceof UsageError;
  // A list leaves the full stop of its sentence on a line of its own.
  const text = indented(shorten(inFlags(message.trimEnd()).replace(/\n\. /, "\n")));
  return known ? `${label} ${text}\n` : `${label} ${text} (unexpected: --debug shows where)\n`;
}

/** Flags of options that a generation config brings too. */
const OPTION_FLAGS: Readonly<Record<string, string>> = {
  maxNewTokens: "--max-new-tokens",
  temperature: "--temperature",
  topK: "--top-k",
  topP: "--top-p",
  minP: "--min-p",
  repetitionPenalty: "--repetition-penalty",
  eosTokenId: "--ignore-eos",
  stop: "--stop",
};

/** Advice for callers in code, as advice for the command line. */
function inFlags(message: string): string {
  return message
    .replace(/Give (\w+) in the call(, or pass)?/g, (advice, name: string, more = "") => {
      const flag = OPTION_FLAGS[name];
      if (flag !== undefined) return `Give ${flag}${more}`;
      return more === "" ? advice : "Pass";
    })
    .replace(/(p|P)ass ignore: \["([^"]+)"\]( when loading)?/g, "$1ass --ignore $2")
    .replace(
      /pass ignoreKeys: \[([^\]]+)\]/g,
      (_, keys: string) => `pass --ignore-keys ${keys.replaceAll(/"?,"|"/g, " ").trim()}`,
    )
    .replace(/(p|P)ass (it|one) as (?:options\.template|chatTemplate)\b/, "$1ass $2 as --chat-template FILE")
    .replace("loading with checkFinite names the tensor", "--check-finite names the tensor");
}

/** Lines longer than this are cut at the terminal, in their middle. */
const LONGEST_LINE = 2000;

/** A message whose later lines are set off, so that none of them looks like a message of its own. */
function indented(message: string): string {
  const lines = message.split("\n").map((line) => shortened(line, LONGEST_LINE));
  return lines.map((line, i) => (i === 0 || line.startsWith("  ") ? line : `  ${line}`)).join("\n");
}

/** Lists longer than this are cut at the terminal. */
const MOST_LINES = 12;

/** A message whose list is long, with the list's beginning, how much is left out, and what comes after the list. */
function shorten(message: string): string {
  const lines = message.split("\n");
  const isItem = (line: string): boolean => line.startsWith("  ");
  const first = lines.findIndex(isItem);
  const end = lines.findLastIndex(isItem) + 1;
  const left = end - first - MOST_LINES;
  if (first === -1 || left <= 1) return message;
  const cut = `  … and ${whole(left)} more (--debug shows all)`;
  return [...lines.slice(0, first + MOST_LINES), cut, ...lines.slice(end)].join("\n");
}

function describeAll(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${describeAll(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
