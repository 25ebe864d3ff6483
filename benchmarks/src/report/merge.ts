import { readFile } from "node:fs/promises";
import type { Results } from "./results.js";

/** Reads the results that `--json` wrote. */
export async function readResults(path: string): Promise<Results> {
  return JSON.parse(await readFile(path, "utf8")) as Results;
}

/**
 * Merges two runs into one report: shapes of the earlier one first, unless the later one has them too.
 * @throws {Error} if the runs are from different machines or versions of Node: their figures are not comparable.
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
