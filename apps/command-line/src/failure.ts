/** Formats errors, with an exit code for each kind. */

import { MixtapeError, shortened } from "@mixtape/errors";
import { CommanderError } from "commander";
import { colors } from "./colors.js";
import { whole } from "./format.js";

/** Exit codes. */
export const EXIT = {
  /** An invalid checkpoint, file or engine. */
  failure: 1,
  /** An invalid command line. */
  usage: 2,
  /** Ctrl-C: 128 plus the number of the signal. */
  interrupted: 130,
} as const;

/** Suffix of every message about the command line. */
export const SEE_HELP = "See --help.";

/** A command line with missing or contradictory flags. */
export class UsageError extends Error {
  constructor(message: string) {
    super(`${message}. ${SEE_HELP}`);
  }
}

/** An input file with invalid contents. */
export class InputError extends MixtapeError {
  static override readonly brand: string = "InputError";
}

/** Standard output cannot be written. */
export class OutputError extends MixtapeError {
  static override readonly brand: string = "OutputError";
}

/** Ctrl-C before there was any output. */
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

/** Formats an error as one message without a stack; with `details` in full, with the stack and the causes. */
export function explain(error: unknown, details: boolean): string {
  if (error instanceof InterruptedError) return `${error.message}\n`;
  const label = colors.red("error:");
  if (details) return `${label} ${error instanceof Error ? describeAll(error) : String(error)}\n`;
  const message = error instanceof Error ? error.message : String(error);
  const known = error instanceof MixtapeError || error instanceof UsageError;
  // The full stop after a list would otherwise be on a separate line.
  const text = indented(shorten(inFlags(message.trimEnd()).replace(/\n\. /, "\n")));
  return known ? `${label} ${text}\n` : `${label} ${text} (unexpected: --debug shows where)\n`;
}

/** Flags of options that a generation config can set too. */
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

/** Translates advice for callers in code to flags of the command line. */
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

/** Longer lines are truncated on the terminal, in their middle. */
const LONGEST_LINE = 2000;

/** Indents the later lines of a message, so that none of them looks like a separate message. */
function indented(message: string): string {
  const lines = message.split("\n").map((line) => shortened(line, LONGEST_LINE));
  return lines.map((line, i) => (i === 0 || line.startsWith("  ") ? line : `  ${line}`)).join("\n");
}

/** Longer lists are truncated on the terminal. */
const MOST_LINES = 12;

/**
 * Shortens a message with a long list: keeps the beginning of the list, the number of omitted items, and the text after
 * the list.
 */
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
