import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** A command whose last line of output is its answer, as JSON. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a command in a process of its own.
 * @throws {Error} with what the process wrote to standard error, where it fails or answers nothing.
 */
export async function ask<T>({ file, args, env }: Command): Promise<T> {
  const options = { env: { ...process.env, ...env }, maxBuffer: 64 * 2 ** 20 };
  const { stdout, stderr } = await promisify(execFile)(file, [...args], options);
  const answer = stdout.trimEnd().split("\n").at(-1);
  if (!answer) throw new Error(`${file}: expected an answer, got none. ${stderr}`);
  return JSON.parse(answer) as T;
}
