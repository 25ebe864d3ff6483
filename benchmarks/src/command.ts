/** Helpers that both commands share. */

import { resolve } from "node:path";
import { env, stderr } from "node:process";
import { InvalidArgumentError } from "commander";

/** Resolves a path against the folder in which npm was called, which differs from the current one. */
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
