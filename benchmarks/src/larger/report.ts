/** Results of `npm run bench:larger` as text: for a terminal, and for the manual. */

import type { DiskSpeed } from "../machine/disk.js";
import type { Machine } from "../machine/machine.js";
import { giga, number, spread, table } from "../report/format.js";
import type { BenchRun } from "../report/results.js";
import { spreadOf } from "../statistics.js";
import { figuresOf, type LargerEntry, type TaskResult } from "./race.js";

/** All measurements. */
export interface LargerResults {
  readonly run: BenchRun;
  readonly machine: Machine;
  readonly fileBytes: number;
  readonly threads: number;
  readonly disk: DiskSpeed;
  /** Programs with their descriptions. */
  readonly runners: Readonly<Record<string, string>>;
  /** Reasons why others did not run. */
  readonly missing: readonly string[];
  readonly tasks: readonly TaskResult[];
}

/** Returns the page `docs/benchmarks-larger.md`. */
export function largerPage(results: LargerResults): string {
  return `# Benchmarks of a model larger than memory

Results of \`npm run bench:larger\`, which writes this page itself with \`--write-docs\`: Qwen3-30B-A3B, whole, at 4 bits, on Mixtape's native
engine and on llama.cpp, from the same GGUF file. [Models larger than memory](larger-than-memory.md) says how it works.

${largerReport(results)}
${METHOD}`;
}

/** Returns all tables. */
export function largerReport({
  run,
  machine,
  fileBytes,
  threads,
  disk,
  runners,
  missing,
  tasks,
}: LargerResults): string {
  const rows = [
    ["machine", `${machine.processor}, ${machine.cores} cores, ${number(machine.memoryBytes / 2 ** 30)} GiB of memory`],
    ["system", `${machine.system}; Node ${machine.node.slice(1)}`],
    ["disk", `${giga(disk.one)} GB/s with one reader, ${giga(disk.sixteen)} GB/s with 16`],
    ["file", `${giga(fileBytes)} GB`],
    ["threads", `${threads}`],
    ...Object.entries(runners).map(([name, description]) => [`\`${name}\``, description]),
    ["command", `\`npm run bench:larger${run.args ? ` -- ${run.args}` : ""}\`, ${run.rounds} rounds, ${run.date}`],
    ["load average", `${run.load.before.toFixed(1)} before, ${run.load.after.toFixed(1)} after`],
  ];
  const head = [
    "setting",
    "engine",
    "decode, tokens/s",
    "prefill of 512, tokens/s",
    "read per token, MB",
    "first token after 32, s",
    "anonymous memory, MB",
  ];
  const lines = tasks.flatMap((result) => result.entries.map((entry, i) => rowOf(result, entry, i === 0)));
  return [
    ["| | |", "|---|---|", ...rows.map(([what, value]) => `| ${what} | ${value} |`), ""].join("\n"),
    `${table(head, lines, 2)}\n`,
    ...tasks.flatMap(({ task, entries }) =>
      entries.flatMap(({ name, failed }) => (failed === undefined ? [] : [`\`${name}\`, ${task.title}: ${failed}  `])),
    ),
    ...missing.map((reason) => `${reason}  `),
  ].join("\n");
}

function rowOf({ task, limitBytes }: TaskResult, { name, samples }: LargerEntry, isFirst: boolean): string[] {
  const limit = limitBytes === null ? "" : ` (${giga(limitBytes)} GB)`;
  const start = [isFirst ? `${task.title}${limit}` : "", `\`${name}\``];
  if (samples.length === 0) return [...start, "does not run", "", "", "", ""];
  const figures = samples.map((sample) => figuresOf(sample, task));
  const of = (pick: (figure: (typeof figures)[number]) => number) => spreadOf(figures.map(pick));
  return [
    ...start,
    spread(of((figure) => figure.tokensPerSecond)),
    spread(of((figure) => figure.prefillPerSecond)),
    number(of((figure) => figure.readBytesPerToken / 1e6).median),
    number(of((figure) => figure.firstTokenMs / 1000).median),
    number(of((figure) => figure.anonymousBytes / 1e6).median),
  ];
}

const METHOD = `
## How it is measured

- Weights are random, in the types that llama.cpp's Q4_K_M gives each tensor; the tokenizer has as many tokens and merges as Qwen's. The
  file is written on first use into \`bench\` under \`.cache\`, or under the folder that \`MIXTAPE_CACHE\` names.
- Each figure is the median of processes that run in turns, with the lowest and the highest. Both programs are given the same tokens: a
  model with random weights repeats what it chose, and then its routing does too.
- \`uniform\`: the routers choose each expert as often, which no trained model does, and nothing can be kept that is worth more than the rest.
  \`skewed\`: the rows of the routers are scaled, so that a quarter of the experts of a layer gets 65 % of the choices. The routers are in the
  file, so both programs meet the same.
- With half the memory, each process runs in a control group that holds half of the file's bytes, page cache included, and the page cache
  has nothing of the file at its start. Steps before those that count fill it.
- \`read per token\` is what the process had the disk read. Steps that count are averaged, since one waits longer than another.
- The first token is counted from the start of the process, the tokenizer and a prompt of 32 tokens included; without a limit the page cache
  has the file.
- llama.cpp packs the weights of quantised models again when it loads them, in anonymous memory; \`llama.cpp-mapped\` does not
  (\`use_extra_bufts\` is off), and is what can run with less memory than the file.
`;
