/** Options of the API as flags of a command, for the advice of errors. */

import type { OptionSyntax } from "@mixtape/errors";
import { type Command, Option } from "commander";
import { shellWord } from "./path.js";

/** A flag that sets an option of another name. Other flags set the option of their own name: `--top-k` sets `topK`. */
export class RenamedFlag extends Option {
  /** Name of the option in code. */
  readonly option: string;

  constructor(flags: string, option: string, about: string) {
    super(flags, about);
    this.option = option;
  }
}

/**
 * Returns the syntax of options on a command line.
 * @param command the command that ran; without one there are no flags
 */
export function flagSyntax(command: Command | undefined): OptionSyntax {
  return (name, value) => {
    const flag = command?.options.find((one) => optionsOf(one).includes(name));
    return flag && withValue(flag, value);
  };
}

/** Returns the names in code of the options that a flag sets. */
export function optionsOf(flag: Option): string[] {
  return flag instanceof RenamedFlag ? [flag.attributeName(), flag.option] : [flag.attributeName()];
}

/** Formats a flag with a value. Returns undefined for a value that the flag cannot set. */
function withValue(flag: Option, value: unknown): string | undefined {
  const name = flag.long ?? flag.flags;
  // A file holds what the option is in code, so the flag alone would not say what to pass.
  if (value === undefined) return flag.flags.includes("<file>") ? `${name} FILE` : name;
  if (typeof value === "boolean") return value && flag.isBoolean() ? name : undefined;
  const values = [value].flat();
  if (flag.isBoolean() || (values.length !== 1 && !flag.variadic)) return undefined;
  return [name, ...values.map((one) => shellWord(String(one)))].join(" ");
}
