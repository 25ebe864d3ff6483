import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { watchMemory } from "./memory.js";
import type { Sample } from "./runner.js";

/** A command whose last line of output is its answer, as JSON. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Passes the start time to a process, in milliseconds since 1970: it cannot measure the time before its first line ran.
 */
export const STARTED = "MIXTAPE_BENCH_STARTED";

/**
 * Runs a command in a separate process.
 * @throws {Error} with the process's standard error, if it fails or does not answer.
 */
export async function ask<T>(command: Command): Promise<T> {
  return (await watch<T>(command)).answer;
}

/** Runs a measuring command, and monitors its memory. */
export async function sample<A extends object>(command: Command): Promise<A & Pick<Sample, "memory">> {
  const { answer, memory } = await watch<A>(command);
  return { ...answer, memory };
}

async function watch<T>({ file, args, env }: Command): Promise<{ answer: T; memory: Sample["memory"] }> {
  const started = `${performance.timeOrigin + performance.now()}`;
  const options = { env: { ...process.env, ...env, [STARTED]: started }, maxBuffer: 64 * 2 ** 20 };
  const running = promisify(execFile)(file, [...args], options);
  const watching = watchMemory(running.child.pid ?? 0);
  try {
    const { stdout, stderr } = await running;
    const answer = stdout.trimEnd().split("\n").at(-1);
    if (!answer) throw new Error(`${file}: expected an answer, got none. ${stderr}`);
    return { answer: JSON.parse(answer) as T, memory: watching.stop() };
  } finally {
    watching.stop();
  }
}
