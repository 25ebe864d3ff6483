import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The sample model, with its tokenizer. */
export const SAMPLE = here("../../../models/sample-afmoe");

/** A golden checkpoint, such as `afmoe/basic`; it has no tokenizer. */
export function golden(name: string): string {
  return here(`../../../packages/testing/__fixtures__/models/${name}`);
}

/** How a command ended, and what it said. */
export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the built command as a user would, with pipes for a terminal.
 * @param watch is given the process, and may send it signals
 */
export function run(args: readonly string[], watch?: (child: ChildProcess) => void): Promise<Ended> {
  return start(args, {}, watch);
}

/** The same with other environment variables. */
export function start(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  watch?: (child: ChildProcess) => void,
): Promise<Ended> {
  const child = spawn(process.execPath, [here("../bin/sample-generate.js"), ...args], {
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

/** Runs a command that must succeed and print one JSON value. */
export async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await run([...args, "--json"]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout.split("\n")).toHaveLength(2);
  return JSON.parse(stdout) as T;
}

/** Runs a command that must fail with this exit code and, for all that it says, this one message. */
export async function fails(code: number, message: string | RegExp, ...args: string[]): Promise<void> {
  const ended = await run(args);
  expect(ended.stdout).toBe("");
  expect(ended.stderr).not.toMatch(STACK);
  expect(ended.stderr.trimEnd()).toEqual(
    typeof message === "string" ? `error: ${message}` : expect.stringMatching(message),
  );
  expect(ended.code).toBe(code);
}

/** What a stack looks like. */
export const STACK = /\n\s+at /;
