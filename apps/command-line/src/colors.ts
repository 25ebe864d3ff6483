import pc from "picocolors";
import { styled } from "./terminal.js";

const NAMES = ["bold", "dim", "red", "green", "yellow"] as const;

/** Functions that colour a text. */
export type Colors = Readonly<Record<(typeof NAMES)[number], (text: string) => string>>;

/** Colours for standard error. */
export const colors = colorsFor(process.stderr);

/** Returns the colours for a stream: none if it is not a terminal, or `NO_COLOR` is set. */
export function colorsFor(stream: { readonly isTTY?: boolean }): Colors {
  const all = pc.createColors(wantsColors(stream));
  return Object.fromEntries(NAMES.map((name) => [name, (text: string) => styled(all[name](text))])) as Colors;
}

function wantsColors(stream: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR && FORCE_COLOR !== "0") return true;
  return stream.isTTY === true && TERM !== "dumb";
}

/** Prints a note on standard error. */
export function note(text: string): void {
  process.stderr.write(`${colors.yellow("note:")} ${text}\n`);
}

/** Prints a warning on standard error. @param text a sentence without its full stop */
export function warn(text: string): void {
  process.stderr.write(`${colors.yellow("warning:")} ${text}.\n`);
}
