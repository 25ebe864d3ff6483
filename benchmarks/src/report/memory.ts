/** Memory figures. */

import { type Spread, spreadOf } from "../statistics.js";
import { heatsOf } from "../tasks.js";
import type { ShapeResults } from "./results.js";

/** Maximum resident memory of one runner's processes in one heat, in bytes. */
export interface MemoryRow {
  readonly heat: string;
  readonly runner: string;
  readonly resident: Spread;
  readonly mapped: Spread;
  readonly anonymous: Spread;
}

/** Rows by heat, without runners whose system does not report memory. */
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
