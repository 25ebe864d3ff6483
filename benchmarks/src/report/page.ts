/** Results as text: for a terminal, and for the manual. */

import type { Entry } from "../race.js";
import { giga, number, percent, spread, table } from "./format.js";
import { type Measure, measuresOf } from "./measures.js";
import type { Results, ShapeResults } from "./results.js";
import { kernelBound, PRODUCTS, sharesOf, total } from "./step.js";

/** The page `docs/benchmarks.md`. */
export function pageOf(results: Results, baseline?: string): string {
  return `# Benchmarks

What \`npm run bench\` measured; it writes this page itself when asked to with \`--write-docs\`. Figures of one machine, to compare
engines with each other and with what the machine could do.

${reportOf(results, baseline)}
## How it is measured

- Each figure is taken in a process of its own, which loads the model, does the task for at least a second to warm up, and then
  at least three times and for at least a second. The figure of a process is the median of those. The processes run one at
  a time and in turns: every engine does a task before the next task comes, and each round starts with another engine.
- A prefill is the time from a prompt to its first token, through \`generateTokens\`, greedily. Decoding is the 32 tokens after the
  first. Loading goes from before the engine is prepared until all weights are on it, the files being in the page cache.
  Resident memory is that of the whole process, Node and its garbage included.
- The machine's reading bandwidth is that of \`memcmp\` (\`Buffer.equals\`) over two buffers, the best of five times. JavaScript
  has no better access to it. The engines' own products are their best times as well: both are bounds.
- \`of its own products\` compares with the engine's own matrix products, measured alone: decoding with a row by a square matrix of
  about as many weights as a token meets, prefilling with 512 rows by a 512 × 512 matrix. Above 100 % a model's smaller matrices
  suit the engine better than that one.
- \`of the machine\` compares decoding with reading every weight that a token meets once, in float32, as fast as all cores read that
  many bytes; and prefilling with the fastest matrix product of the engines here, since JavaScript cannot measure what the
  processor could do. Attention is not counted as work.
- Kernels are what \`tf.profile\` counts; their times are medians over 50 steps, and the time outside of them is the rest of the
  median of 50 steps without a profiler between those. Counted as matrix products are
  ${listOf([...PRODUCTS])}.
`;
}

/** All tables. */
export function reportOf(results: Results, baseline?: string): string {
  const { machine, memory, load, shapes, missing } = results;
  const [first] = shapes;
  const head = `| | |
|---|---|
| machine | ${machine.processor}, ${machine.cores} cores, ${number(machine.memoryBytes / 2 ** 30)} GiB of memory |
| system | ${machine.system}; Node ${machine.node.slice(1)} |
${(first?.entries ?? []).map(({ name, description }) => `| \`${name}\` | ${description} |`).join("\n")}
| reading ${number(memory.bytes / 2 ** 30)} GiB of memory | ${giga(memory.oneThread)} GB/s with one thread, ${giga(memory.allThreads)} GB/s with ${machine.cores} |
| date | ${results.date} |
| command | \`npm run bench${results.args ? ` -- ${results.args}` : ""}\`, ${results.rounds} rounds |
| load average | ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after; the run itself adds 1 to 2 |
`;
  const absent = missing.map(({ name, reason }) => `Not measured: \`${name}\`. ${reason}\n\n`).join("");
  return `${head}\n${absent}${shapes.map((shape) => shapeReport(shape, results, baseline)).join("\n")}`;
}

function shapeReport(shape: ShapeResults, { tasks }: Results, baseline?: string): string {
  const { work, weightsMemory, entries } = shape;
  const profiled = entries.filter(({ profile }) => profile !== null);
  return `## ${shape.name}

${shape.description}
${work.summary}.
In float32 a token reads ${number((4 * work.weights) / 1e6)} MB of weights; the machine reads that many bytes at
${giga(weightsMemory.oneThread)} GB/s with one thread and ${giga(weightsMemory.allThreads)} GB/s with all.

${speedTable(measuresOf(shape, tasks, baseline), baseline)}

Medians of the processes; in parentheses the least and the most.

The engines' own matrix products:

${productsTable(entries)}
${profiled.length > 0 ? stepReport(profiled) : ""}`;
}

function speedTable(measures: readonly Measure[], baseline?: string): string {
  const head = ["", "engine", "median", `× ${baseline ?? "slowest"}`, "of its own products", "of the machine"];
  let before = "";
  const rows = measures.map(({ what, unit, runner, spread: s, ratio, ofOwnProducts, ofMachine }) => {
    const title = what === before ? "" : `${what}, ${unit}`;
    before = what;
    return [title, `\`${runner}\``, spread(s), number(ratio), percent(ofOwnProducts), percent(ofMachine)];
  });
  return table(head, rows, 2);
}

function productsTable(entries: readonly Entry[]): string {
  const { vector, matrix } = entries[0]!.products;
  const head = [
    "engine",
    `1 × ${vector.size} by ${vector.size} × ${vector.size}, GB/s`,
    `${matrix.size} × ${matrix.size} by ${matrix.size} × ${matrix.size}, GFLOP/s`,
  ];
  const rows = entries.map(({ name, products }) => [
    `\`${name}\``,
    giga(products.vector.bytesPerSecond),
    giga(products.matrix.flopsPerSecond),
  ]);
  return table(head, rows);
}

function stepReport(entries: readonly Entry[]): string {
  const profiles = entries.map(({ name, profile }) => ({ name: `\`${name}\``, ...profile! }));
  const { context, moeLayers, expertsPerToken } = profiles[0]!;
  const bound = kernelBound(expertsPerToken);
  const facts: [string, (profile: (typeof profiles)[number]) => string][] = [
    ["kernels in a step", ({ kernels }) => `${total(kernels)}`],
    [`kernels in a MoE layer, at most (bound ${bound})`, ({ moeLayer }) => `${total(moeLayer)}`],
    [`kernels in its MoE block alone (bound ${bound})`, ({ moeBlock }) => `${total(moeBlock)}`],
    ["read-backs in a step", ({ readBacks }) => `${readBacks.total}`],
    ["read-backs in a layer, at most (bound 1)", ({ readBacks }) => `${readBacks.mostInALayer}`],
    [
      "copies out of the engine by its own kernels in a layer, at most",
      ({ readBacks }) => `${readBacks.mostInKernelsOfALayer}`,
    ],
    ["time of a step, ms", ({ stepMs }) => number(stepMs)],
    ["in matrix products", (profile) => percent(sharesOf(profile).products)],
    ["in other kernels", (profile) => percent(sharesOf(profile).otherKernels)],
    ["outside of kernels", (profile) => percent(sharesOf(profile).outside)],
  ];
  const names = [...new Set(profiles.flatMap(({ kernels }) => Object.keys(kernels)))].sort();
  const head = ["", ...profiles.map(({ name }) => name)];
  const cell = (profile: (typeof profiles)[number], name: string): string => {
    const count = profile.kernels[name];
    return count ? `${count} (${number(1000 * profile.kernelMs[name]!)})` : "";
  };
  return `
A decode step after ${context} tokens. The bound on kernels is 30 + 8·k for each of the ${moeLayers} MoE layers, k = ${expertsPerToken}:

${table(
  head,
  facts.map(([fact, of]) => [fact, ...profiles.map(of)]),
)}

Its kernels by name, how many, and in parentheses the microseconds that all of them take:

${table(
  head,
  names.map((name) => [name, ...profiles.map((profile) => cell(profile, name))]),
)}
`;
}

function listOf(names: readonly string[]): string {
  const quoted = names.map((name) => `\`${name}\``);
  return `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}`;
}
