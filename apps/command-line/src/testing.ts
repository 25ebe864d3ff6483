/** Test helpers for command lines: run a command as a user does, and check its result. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { optionsOf } from "./flag-syntax.js";
import { exitCodeAfter, type MakeProgram } from "./program.js";

/** Result of a command. */
export interface Ended {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options for starting a command. */
export interface StartOptions {
  /** Environment variables besides those of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** Receives the process, and may send it signals. */
  readonly watch?: (child: ChildProcess) => void;
}

/** Pattern of a stack trace. */
export const STACK = /\n\s+at /;

/**
 * Runs a Node script to its end as a user would, with pipes instead of a terminal. Environment variables that change
 * the output are removed.
 */
export function start(script: string, args: readonly string[], { env, watch }: StartOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, MIXTAPE_DEBUG: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.stderr += text;
  });
  watch?.(child);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...said }));
  });
}

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs a program to its end within this process, one at a time: engines are loaded once for all of them, while each
 * process of {@link start} loads them again. Tests of signals, terminals and wrapped streams need processes.
 * @throws {AssertionError} if standard error names an option in code that has a flag
 */
export function call(make: MakeProgram, args: readonly string[]): Promise<Ended> {
  const ended = last.then(() => captured(() => exitCodeAfter(make, args)));
  last = ended.catch(() => {});
  return ended.then((result) => {
    assert.deepEqual(optionsInCode(make, result.stderr), [], `options instead of flags: ${result.stderr}`);
    return result;
  });
}

/** Lists the options that a text names as in code, although the program has flags that set them. */
export function optionsInCode(make: MakeProgram, text: string): string[] {
  const program = make(() => {});
  const names = [program, ...program.commands].flatMap(({ options }) => options.flatMap(optionsOf));
  return [...new Set(names)].filter((name) => {
    // One word may be a word of the sentence; camel case is code, but for a key of a file, such as settings.maxLength.
    const isWord = /^[a-z]+$/.test(name);
    const asValue = String.raw`\boptions\.${name}\b|(?<![\w.-])${name}: (?:\[|true|false)`;
    return new RegExp(isWord ? asValue : String.raw`${asValue}|(?<![\w./-])${name}\b`).test(text);
  });
}

/** Captures standard output and standard error during `run`. */
async function captured(run: () => Promise<number>): Promise<Ended> {
  const said = { stdout: "", stderr: "" };
  const names = ["stdout", "stderr"] as const;
  const writes = names.map((name) => process[name].write);
  for (const name of names) {
    process[name].write = ((chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      said[name] += typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
      const done = rest.at(-1);
      if (typeof done === "function") done();
      return true;
    }) as typeof process.stdout.write;
  }
  try {
    return { code: await run(), ...said };
  } finally {
    for (const [i, name] of names.entries()) process[name].write = writes[i]!;
  }
}

/**
 * Returns the one JSON value that a command printed. @throws {AssertionError} if it failed, or printed anything else
 */
export function jsonOf<T>({ code, stdout, stderr }: Ended): T {
  assert.equal(code, 0, stderr);
  assert.equal(stdout.split("\n").length, 2, `one line of JSON: ${stdout}`);
  return JSON.parse(stdout) as T;
}

/** Checks that a command failed with this exit code and only this message. @throws {AssertionError} */
export function assertFailed({ code, stdout, stderr }: Ended, expected: number, message: string | RegExp): void {
  assert.equal(stdout, "");
  assert.doesNotMatch(stderr, STACK);
  if (typeof message === "string") assert.equal(stderr.trimEnd(), `error: ${message}`);
  else assert.match(stderr.trimEnd(), message);
  assert.equal(code, expected);
}
