import { fileURLToPath } from "node:url";
import { assertFailed, call, type Ended, jsonOf, type StartOptions, start } from "@mixtape/command-line/testing";
import { expect } from "vitest";
import { makeProgram } from "../src/program.js";

export { type Ended, STACK } from "@mixtape/command-line/testing";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The built command. */
export const BIN = here("../bin/sample-generate.js");

/** The sample model, with its tokenizer. */
export const SAMPLE = here("../../../models/sample-afmoe");

/** A golden checkpoint, such as `afmoe/basic`; it has no tokenizer. */
export function golden(name: string): string {
  return here(`../../../packages/testing/__fixtures__/models/${name}`);
}

/** A folder of golden files, such as `heads/afmoe/tokens`. */
export function fixture(name: string): string {
  return here(`../../../packages/testing/__fixtures__/${name}`);
}

/** Runs the command within this process, or, with options, in a process of its own. */
export function run(args: readonly string[], options?: StartOptions): Promise<Ended> {
  return options ? start(BIN, args, options) : call(makeProgram, args);
}

/** Runs a command that must succeed without a word on standard error, and print one JSON value. */
export async function json<T>(...args: string[]): Promise<T> {
  const ended = await run([...args, "--json"]);
  expect(ended.stderr).toBe("");
  return jsonOf<T>(ended);
}

/** Runs a command that must fail with this exit code and, for all that it says, this one message. */
export async function fails(code: number, message: string | RegExp, ...args: string[]): Promise<void> {
  assertFailed(await run(args), code, message);
}
