import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Runs a file of `processes/` in a Node of its own.
 * @returns what it printed, which is JSON
 */
export function runProcess(file: string, ...args: string[]): unknown {
  const path = fileURLToPath(new URL(`../processes/${file}`, import.meta.url));
  const run = spawnSync(process.execPath, ["--expose-gc", path, ...args], { encoding: "utf8", timeout: 550_000 });
  const { status, signal, stdout, stderr } = run;
  if (status !== 0 || stderr !== "") throw new Error(`${file} ended with ${signal ?? status}\n${stdout}${stderr}`);
  return JSON.parse(stdout);
}
