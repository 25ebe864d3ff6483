/** Results of `npm run bench:families` as text: for a terminal, and for the manual. */

import type { Machine } from "../machine/machine.js";
import type { Entry } from "../race.js";
import { number, spread, table } from "../report/format.js";
import { tokensPerSecond } from "../report/measures.js";
import type { BenchRun } from "../report/results.js";
import { spreadOf } from "../statistics.js";
import { DECODE_TASKS, type Task } from "../tasks.js";
import type { Cut } from "./cuts.js";

/** All measurements. */
export interface FamiliesResults {
  readonly run: BenchRun;
  readonly threads: number;
  readonly machine: Machine;
  /** Runners with their descriptions. */
  readonly runners: Readonly<Record<string, string>>;
  readonly families: readonly FamilyResult[];
}

/** One family. */
export interface FamilyResult {
  readonly cut: Cut;
  readonly entries: readonly Pick<Entry, "name" | "peer" | "samples">[];
}

/** Returns the page `docs/benchmarks-families.md`. */
export function familiesPage(results: FamiliesResults): string {
  return `# Benchmarks of families

Results of \`npm run bench:families\`, which writes this page itself with \`--write-docs\`. Figures of one machine, to
compare decoding with each family on Mixtape's native engine with transformers on PyTorch.

${familiesReport(results)}
${METHOD}`;
}

/** Returns all tables. */
export function familiesReport({ run, threads, machine, runners, families }: FamiliesResults): string {
  const rows = [
    ["machine", `${machine.processor}, ${machine.cores} cores, ${number(machine.memoryBytes / 2 ** 30)} GiB of memory`],
    ["system", `${machine.system}; Node ${machine.node.slice(1)}`],
    ["threads", `${threads}`],
    ...Object.entries(runners).map(([name, description]) => [`\`${name}\``, description]),
    ["command", `\`npm run bench:families${run.args ? ` -- ${run.args}` : ""}\`, ${run.rounds} rounds, ${run.date}`],
    ["load average", `${run.load.before.toFixed(1)} before, ${run.load.after.toFixed(1)} after`],
  ];
  const head = [
    "family",
    "engine",
    "decode, tokens/s",
    "processor time, ms/token",
    "× transformers",
    "load, ms",
    "peak anonymous memory, MiB",
  ];
  const cells = families.flatMap((family) => DECODE_TASKS.flatMap((task) => rowsOf(family, task)));
  const cuts = families.map(({ cut }) => `- \`${cut.name}\`: ${cut.released} with ${cut.layers}.`);
  return [
    ["| | |", "|---|---|", ...rows.map(([what, value]) => `| ${what} | ${value} |`), ""].join("\n"),
    `${table(head, cells, 2)}\n`,
    ...cuts,
    "",
    ...remarksOf(families),
  ].join("\n");
}

function rowsOf({ cut, entries }: FamilyResult, task: Task): string[][] {
  const speeds = entries.map(({ samples }) =>
    spreadOf(samples.speed!.map(({ runs }) => tokensPerSecond(runs[task.name]!, task))),
  );
  const costs = entries.map(({ samples }) =>
    spreadOf(
      samples.speed!.map(
        ({ runs }) => spreadOf(runs[task.name]!.map(({ restCpuMs }) => restCpuMs)).median / (task.newTokens - 1),
      ),
    ),
  );
  const peer = entries.findIndex((entry) => entry.peer);
  return entries.map(({ name, samples }, i) => {
    const all = samples.speed!;
    const anonymous = all.flatMap(({ memory }) => (memory ? [memory.anonymousBytes / 2 ** 20] : []));
    return [
      i === 0 ? `\`${cut.name}\`` : "",
      `\`${name}\``,
      spread(speeds[i]!),
      spread(costs[i]!),
      number(costs[peer]!.median / costs[i]!.median),
      number(spreadOf(all.map(({ loadMs }) => loadMs)).median),
      anonymous.length > 0 ? number(spreadOf(anonymous).median) : "",
    ];
  });
}

/** Returns the runners' remarks on their own choices. */
function remarksOf(families: readonly FamilyResult[]): string[] {
  return families.flatMap(({ cut, entries }) =>
    entries.flatMap(({ name, samples }) => {
      const remarks = new Set(samples.speed!.flatMap(({ remark }) => remark ?? []));
      return [...remarks].map((remark) => `\`${name}\` of \`${cut.name}\`: ${remark}.  `);
    }),
  );
}

const METHOD = `
## How it is measured

- The configs are those of released models, with few layers, 16 experts and 32,000 tokens in the vocabulary, and as wide as released.
  Weights are random, bfloat16 on disk, the same for both. They are written on first use into \`bench\` under \`.cache\`, or under the
  folder that \`MIXTAPE_CACHE\` names: 9 GB for all.
- Each figure is taken in a process of its own, one at a time and in turns, and each round starts with the other engine. A process warms up
  for at least a second, then decodes 16 tokens at least three times; its figure is the median.
- transformers computes in bfloat16 or in float32, whichever decodes faster here (a processor without instructions for bfloat16 is slow
  at it), from the same files. It runs with \`sdpa\` attention (GPT-OSS with \`eager\`, as it has no other here), a growing cache, and whichever of its ways of
  multiplying by experts is fastest here. What it chose stands below the table.
- The ratio is that of processor times, which other work on the machine does not count towards; the more threads, the less it says.
- The ratio is that of processor times, in which other work on the machine does not count. With several threads it says less.
- \`load\` goes from the start of the process until all weights are ready to be multiplied, with the files in the page cache.
`;
