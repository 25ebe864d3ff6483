/** What was said of memory. */

import { type Spread, spreadOf } from "../statistics.js";
import { heatsOf } from "../tasks.js";
import type { ShapeResults } from "./results.js";

/** The most that one runner's processes had resident in one heat, in bytes. */
export interface MemoryRow {
  readonly heat: string;
  readonly runner: string;
  readonly resident: Spread;
  readonly mapped: Spread;
  readonly anonymous: Spread;
}

/** Heat by heat. Nothing of runners whose system does not tell. */
export function memoryOf({ entries, tasks }: Pick<ShapeResults, "entries" | "tasks">): MemoryRow[] {
  return heatsOf(tasks).flatMap(({ name, title }) =>
    entries.flatMap((entry) => {
      const known = entry.samples[name]!.flatMap(({ memory }) => memory ?? []);
      if (known.length === 0) return [];
      return {
        heat: title,
        runner: entry.name,
        resident: spreadOf(known.map(({ residentBytes }) => residentBytes)),
        mapped: spreadOf(known.map(({ mappedBytes }) => mappedBytes)),
        anonymous: spreadOf(known.map(({ anonymousBytes }) => anonymousBytes)),
      };
    }),
  );
}
