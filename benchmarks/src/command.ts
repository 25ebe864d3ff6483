/** Helpers that the commands share. */

import { resolve } from "node:path";
import { argv, env, stderr } from "node:process";
import { InvalidArgumentError } from "commander";
import { load } from "./machine/machine.js";

/** Resolves a path against the folder in which npm was called, which differs from the current one. */
export function called(path: string): string {
  return resolve(env.INIT_CWD ?? ".", path);
}

export function positive(text: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n > 0) return n;
  throw new InvalidArgumentError("Expected a whole number of at least 1.");
}

/** Record of a run, for its report; paths of JSON files are left out of its arguments. `before` is the load average at its start. */
export function runRecord(rounds: number, before: number) {
  const args = argv
    .slice(2)
    .join(" ")
    .replaceAll(/ ?--(json|after)[ =]\S+/g, "");
  return { date: new Date().toISOString().slice(0, 10), args, rounds, load: { before, after: load() } };
}

export function log(line: string): void {
  stderr.write(`${line}\n`);
}
