import { readFile } from "node:fs/promises";
import type { Results } from "./results.js";

/** Reads what `--json` wrote. */
export async function readResults(path: string): Promise<Results> {
  return JSON.parse(await readFile(path, "utf8")) as Results;
}

/**
 * Two runs as one report: shapes of the earlier one first, unless the later one has them too.
 * @throws {Error} where the runs are from different machines or versions of Node: their figures say nothing about each other.
 */
export function merge(earlier: Results, later: Results): Results {
  const [a, b] = [earlier, later].map(({ machine }) => JSON.stringify(machine));
  if (a !== b) throw new Error(`--after: expected a run on this machine, ${b}, got one on ${a}`);
  const again = new Set(later.shapes.map(({ name }) => name));
  const shapes = [...earlier.shapes.filter(({ name }) => !again.has(name)), ...later.shapes];
  const ran = new Set(shapes.flatMap(({ entries }) => entries.map(({ name }) => name)));
  const missing = new Map([...earlier.missing, ...later.missing].map((one) => [one.name, one]));
  return {
    ...later,
    runs: [...earlier.runs, ...later.runs],
    peaks: later.peaks ?? earlier.peaks,
    shapes,
    missing: [...missing.values()].filter(({ name }) => !ran.has(name)),
  };
}
