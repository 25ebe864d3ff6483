import { spawn } from "node:child_process";

/**
 * Runs a program to its end with its output on ours.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string> }} [options] `env` is added to our own
 * @returns {Promise<number>} the exit status
 */
export function run(command, args, { cwd, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

/**
 * Runs a program like {@link run}; a status other than 0 is an error.
 *
 * @param {Parameters<typeof run>} args
 */
export async function mustRun(...args) {
  const status = await run(...args);
  if (status !== 0) throw new Error(`${args[0]} ${args[1].join(" ")} ended with status ${status}`);
}
