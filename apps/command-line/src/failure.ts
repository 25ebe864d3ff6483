/** Formats errors, with an exit code for each kind. */

import { MixtapeError, type OptionSyntax, shortened } from "@mixtape/errors";
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

/** Options of {@link explain}. */
export interface ExplainOptions {
  /** Whether to show it in full, with the stack and the causes. Default: false. */
  readonly details?: boolean;
  /** Syntax of options in advice. Default: the reader can set none. */
  readonly syntax?: OptionSyntax;
}

/** Formats an error as one message, without a stack. */
export function explain(error: unknown, { details = false, syntax = () => undefined }: ExplainOptions = {}): string {
  if (error instanceof InterruptedError) return `${error.message}\n`;
  const label = colors.red("error:");
  if (details) return `${label} ${inFull(error, syntax)}\n`;
  const known = error instanceof MixtapeError || error instanceof UsageError;
  // The full stop after a list would otherwise be on a separate line.
  const text = indented(shorten(messageOf(error, syntax).trimEnd().replace(/\n\. /, "\n")));
  return known ? `${label} ${text}\n` : `${label} ${text} (unexpected: --debug shows where)\n`;
}

function messageOf(error: unknown, syntax: OptionSyntax): string {
  if (error instanceof MixtapeError) return error.messageFor(syntax);
  return error instanceof Error ? error.message : String(error);
}

/** Formats an error with its name, its stack and its causes. */
function inFull(error: unknown, syntax: OptionSyntax): string {
  if (!(error instanceof Error)) return String(error);
  const frames = /\n {4}at .*/s.exec(error.stack ?? "")?.[0] ?? "";
  const cause = error.cause === undefined ? "" : `\ncaused by: ${inFull(error.cause, syntax)}`;
  return `${error.name}: ${messageOf(error, syntax)}${frames}${cause}`;
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
