import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** A command that ended badly, with all that it said. */
class CommandError extends Error {}

/**
 * Runs a command to its end without a shell.
 *
 * @returns what it printed on standard output
 * @throws {CommandError} where it exits with anything but 0
 */
export async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await execute(command, args, { cwd, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "", code } = error as { stdout?: string; stderr?: string; code?: unknown };
    throw new CommandError(`${command} ${args.join(" ")} in ${cwd} ended with ${String(code)}\n${stdout}${stderr}`);
  }
}

/** Standard output as lines, without the newline at its end. */
export function lines(output: string): string[] {
  const text = output.replace(/\r\n/g, "\n").replace(/\n$/, "");
  return text === "" ? [] : text.split("\n");
}
