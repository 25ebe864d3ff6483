/** What the two commands have in common. */

import { resolve } from "node:path";
import { env, stderr } from "node:process";
import { InvalidArgumentError } from "commander";

/** A path as the user meant it: npm runs this in another folder than the one it was called in. */
export function called(path: string): string {
  return resolve(env.INIT_CWD ?? ".", path);
}

export function positive(text: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n > 0) return n;
  throw new InvalidArgumentError("Expected a whole number of at least 1.");
}

export function log(line: string): void {
  stderr.write(`${line}\n`);
}
