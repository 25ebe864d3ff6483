import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assertFailed, call, type Ended, jsonOf, type StartOptions, start } from "@mixtape/command-line/testing";
import { parseMetrics } from "@mixtape/training";
import { afterAll } from "vitest";
import { makeProgram } from "../src/program.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The sample model, with its tokenizer. */
export const SAMPLE = here("../../../models/sample-afmoe");
const TRAIN = here("../bin/sample-train.js");
export const GENERATE = here("../../sample-generate/bin/sample-generate.js");

/** What `sample-train --json` prints. */
export interface Result {
  readonly steps: number;
  readonly finishReason: string;
  readonly firstLoss: number;
  readonly lastLoss: number;
  readonly evalBefore: Record<string, number> | null;
  readonly evalAfter: Record<string, number> | null;
  readonly bestStep: number | null;
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
  const text = typeof content === "string" ? content : content.map((line) => `${JSON.stringify(line)}\n`).join("");
  writeFileSync(path, text);
  return path;
}

/** Runs the command within this process, or, with options, in a process of its own. */
export function sampleTrain(args: readonly string[], options?: StartOptions): Promise<Ended> {
  return options ? start(TRAIN, args, options) : call(makeProgram, args);
}

export function sampleGenerate(...args: readonly string[]): Promise<Ended> {
  return start(GENERATE, ["generate", ...args]);
}

/** Runs a command that must succeed and print one JSON value. */
export async function trained(...args: string[]): Promise<Result> {
  return jsonOf<Result>(await sampleTrain([...args, "--json"]));
}

/** Runs a command that must fail with this exit code and, for all that it says, this one message. */
export async function fails(code: number, message: string | RegExp, ...args: string[]): Promise<void> {
  assertFailed(await sampleTrain(args), code, message);
}

/** The losses of a run's steps. */
export function lossesOf(output: string): number[] {
  return parseMetrics(readFileSync(join(output, "metrics.jsonl"), "utf8")).map(({ loss }) => loss);
}
