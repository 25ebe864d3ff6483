import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect } from "vitest";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The sample model, with its tokenizer. */
export const SAMPLE = here("../../../models/sample-afmoe");
const TRAIN = here("../bin/sample-train.js");
const GENERATE = here("../../sample-generate/bin/sample-generate.js");

/** How a command ended, and what it said. */
export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `sample-train --json` prints. */
export interface Result {
  readonly steps: number;
  readonly finishReason: string;
  readonly firstLoss: number;
  readonly lastLoss: number;
  readonly evalBefore: Record<string, number> | null;
  readonly evalAfter: Record<string, number> | null;
  readonly saved: string[];
}

/** A folder for the files of a test file, gone when its tests are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mixtape-train-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Writes a file of texts. */
export function write(folder: string, name: string, content: string | readonly object[]): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    typeof content === "string" ? content : content.map((line) => `${JSON.stringify(line)}\n`).join(""),
  );
  return path;
}

/** Runs the built command as a user would, with pipes for a terminal. */
export function sampleTrain(args: readonly string[], watch?: (child: ChildProcess) => void): Promise<Ended> {
  return run([TRAIN, ...args], watch);
}

export function sampleGenerate(...args: readonly string[]): Promise<Ended> {
  return run([GENERATE, "generate", ...args]);
}

/** Runs a command that must succeed and print one JSON value. */
export async function trained(...args: string[]): Promise<Result> {
  const { code, stdout, stderr } = await sampleTrain([...args, "--json"]);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.split("\n")).toHaveLength(2);
  return JSON.parse(stdout) as Result;
}

/** Runs a command that must fail with this exit code and, for all that it says, this one message. */
export async function fails(code: number, message: string | RegExp, ...args: string[]): Promise<void> {
  const ended = await sampleTrain(args);
  expect(ended.stdout).toBe("");
  expect(ended.stderr).not.toMatch(/\n\s+at /);
  const expected = typeof message === "string" ? `error: ${message}` : expect.stringMatching(message);
  expect(ended.stderr.trimEnd()).toEqual(expected);
  expect(ended.code).toBe(code);
}

function run(args: readonly string[], watch?: (child: ChildProcess) => void): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, MIXTAPE_DEBUG: undefined },
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
