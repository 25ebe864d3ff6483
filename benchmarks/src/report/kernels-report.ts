/** Table of kernels alone. */

import type { Entry } from "../race.js";
import { kernelBoundMs, type Limits } from "./bounds.js";
import { number, percent, table } from "./format.js";

/** @param entries measured entries, each with the same kernels */
export function kernelsReport(entries: readonly Entry[], limits: Limits): string {
  const cases = entries[0]!.kernels!;
  const head = ["", "tokens", "engine", "µs", "GB/s", "GFLOP/s", "of the bound"];
  const rows = cases.flatMap(({ name, tokens }, i) =>
    entries.map((entry, nth) => {
      const kernel = entry.kernels![i]!;
      const { ms, bytes, flops } = kernel;
      const bound = kernelBoundMs(kernel, limits);
      return [
        ...(nth === 0 ? [name, `${tokens}`] : ["", ""]),
        `\`${entry.name}\``,
        number(1000 * ms),
        number(bytes / ms / 1e6),
        number(flops / ms / 1e6),
        percent(bound && bound / ms),
      ];
    }),
  );
  return `Kernels alone, with the model's weights, layer after layer:\n\n${table(head, rows, 3)}\n`;
}
