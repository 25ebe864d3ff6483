/** Results as text: for a terminal, and for the manual. */

import type { Peaks } from "@mixtape/native";
import type { Entry } from "../race.js";
import { decodeBytes } from "../shapes/work.js";
import { giga, number, percent, spread, table } from "./format.js";
import { kernelsReport } from "./kernels-report.js";
import { type Measure, measuresOf, usualBaseline } from "./measures.js";
import { type MemoryRow, memoryOf } from "./memory.js";
import { method } from "./method.js";
import type { Results, ShapeResults } from "./results.js";
import { stepReport } from "./step-report.js";

/** Returns the page `docs/benchmarks.md`. */
export function pageOf(results: Results, baseline?: string): string {
  return `# Benchmarks

What \`npm run bench\` measured; it writes this page itself when asked to with \`--write-docs\`. Figures of one machine, to compare
engines with each other, with other projects' and with what the machine could do. Every family beside transformers: [Benchmarks of
families](benchmarks-families.md).

${reportOf(results, baseline)}
${method()}`;
}

/** Returns all tables. */
export function reportOf(results: Results, baseline?: string): string {
  const { machine, memory, peaks, runs, shapes, missing } = results;
  const descriptions = new Map(
    shapes.flatMap(({ entries }) => entries.map(({ name, description }) => [name, description])),
  );
  const rows: [string, string][] = [
    ["machine", `${machine.processor}, ${machine.cores} cores, ${number(machine.memoryBytes / 2 ** 30)} GiB of memory`],
    ["system", `${machine.system}; Node ${machine.node.slice(1)}`],
    ...[...descriptions].map(([name, description]): [string, string] => [`\`${name}\``, description]),
    [
      `reading ${number(memory.bytes / 2 ** 30)} GiB of memory`,
      `${giga(memory.oneThread)} GB/s with one thread, ${giga(memory.allThreads)} GB/s with ${machine.cores}`,
    ],
    ...(peaks ? peakRows(peaks) : []),
    ...runs.flatMap(({ date, args, rounds, load }): [string, string][] => [
      ["command", `\`npm run bench${args ? ` -- ${args}` : ""}\`, ${rounds} rounds, ${date}`],
      [
        "load average",
        `${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after; the run itself adds 1 to ${machine.cores}`,
      ],
    ]),
  ];
  const head = ["| | |", "|---|---|", ...rows.map(([what, value]) => `| ${what} | ${value} |`)].join("\n");
  const absent = missing.map(({ name, reason }) => `Not measured: \`${name}\`. ${reason}\n\n`).join("");
  return `${head}\n\n${absent}${shapes.map((shape) => shapeReport(shape, results, baseline)).join("\n")}`;
}

function peakRows(peaks: Peaks): [string, string][] {
  return [
    ["a native kernel reading memory", `${giga(peaks.readBytesPerSecond)} GB/s`],
    [
      "native kernels multiplying",
      `${giga(peaks.bfloat16FlopsPerSecond)} GFLOP/s in bfloat16, ${giga(peaks.float32FlopsPerSecond)} in float32`,
    ],
  ];
}

function shapeReport(shape: ShapeResults, results: Results, named?: string): string {
  const { work, weightsMemory, entries, failed } = shape;
  const baseline = named && entries.some(({ name }) => name === named) ? named : usualBaseline(shape);
  const withProducts = entries.filter(({ products }) => products !== null);
  const withKernels = entries.filter(({ kernels }) => kernels !== null);
  const profiled = entries.filter(({ profile }) => profile !== null);
  const parts = [
    `## ${shape.name}

${shape.description}
${work.summary}.
A token reads ${number(decodeBytes(work) / 1e6)} MB of weights, ${number((8 * work.bytes) / work.weights)} bits each; \`memcmp\` reads that many bytes at
${giga(weightsMemory.oneThread)} GB/s with one thread and ${giga(weightsMemory.allThreads)} GB/s with all.
`,
    ...failed.map(({ name, reason }) => `\`${name}\` failed: ${reason.trim().split("\n").at(-1)}\n`),
    `${speedTable(measuresOf(shape, results, baseline), baseline)}

Medians of the processes; in parentheses the least and the most.
${remarksOf(entries)}`,
    memoryTable(memoryOf(shape)),
    ...(withProducts.length > 0 ? [`The engines' own matrix products:\n\n${productsTable(withProducts)}\n`] : []),
    ...(withKernels.length > 0 ? [kernelsReport(withKernels, { ...shape, peaks: results.peaks })] : []),
    ...(profiled.length > 0 ? [stepReport(profiled)] : []),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

/** Returns the runners' remarks on their own choices. */
function remarksOf(entries: readonly Entry[]): string {
  const lines = entries.flatMap(({ name, samples }) => {
    const remarks = new Set(
      Object.values(samples)
        .flat()
        .flatMap(({ remark }) => remark ?? []),
    );
    return [...remarks].map((remark) => `\`${name}\`: ${remark}.\n`);
  });
  return lines.length > 0 ? `\n${lines.join("")}` : "";
}

function speedTable(measures: readonly Measure[], baseline: string): string {
  const own = measures.some(({ ofOwnProducts }) => ofOwnProducts !== null);
  const head = ["", "engine", "median", `× ${baseline}`, ...(own ? ["of its own products"] : []), "of the bound"];
  let before = "";
  const rows = measures.map(({ what, unit, runner, spread: s, ratio, ofOwnProducts, ofBound }) => {
    const title = what === before ? "" : `${what}, ${unit}`;
    before = what;
    const ratioCell = ratio === null ? "" : number(ratio);
    return [title, `\`${runner}\``, spread(s), ratioCell, ...(own ? [percent(ofOwnProducts)] : []), percent(ofBound)];
  });
  return table(head, rows, 2);
}

function memoryTable(rows: readonly MemoryRow[]): string {
  if (rows.length === 0) return "";
  const head = ["peak memory, MiB", "engine", "resident", "of files, mapped", "anonymous"];
  let before = "";
  const cells = rows.map(({ heat, runner, resident, mapped, anonymous }) => {
    const title = heat === before ? "" : heat;
    before = heat;
    return [title, `\`${runner}\``, ...[resident, mapped, anonymous].map(({ median }) => number(median / 2 ** 20))];
  });
  return `${table(head, cells, 2)}\n`;
}

function productsTable(entries: readonly Entry[]): string {
  const { vector, matrix } = entries[0]!.products!;
  const head = [
    "engine",
    `1 × ${vector.size} by ${vector.size} × ${vector.size}, GB/s`,
    `${matrix.size} × ${matrix.size} by ${matrix.size} × ${matrix.size}, GFLOP/s`,
  ];
  const rows = entries.map(({ name, products }) => [
    `\`${name}\``,
    giga(products!.vector.bytesPerSecond),
    giga(products!.matrix.flopsPerSecond),
  ]);
  return table(head, rows);
}
