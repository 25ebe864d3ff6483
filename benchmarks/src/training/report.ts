/** Results as text: for a terminal, and for the manual. */

import type { Machine } from "../machine/machine.js";
import { number, spread, table } from "../report/format.js";
import type { BenchRun } from "../report/results.js";
import { spreadOf } from "../statistics.js";
import type { TogetherResult, TrainingEntry, TrainingResult } from "./race.js";
import { PACE } from "./steps.js";
import type { TrainingTask } from "./tasks.js";

/** All measurements of `npm run bench:train`. */
export interface TrainingResults {
  readonly run: BenchRun;
  readonly machine: Machine;
  /** Trainers with their descriptions. */
  readonly trainers: Readonly<Record<string, string>>;
  /** Trainers that were not found, with reasons. */
  readonly missing: Readonly<Record<string, string>>;
  readonly training: readonly TrainingResult[];
  readonly together: readonly TogetherResult[];
}

/** Returns the page `docs/benchmarks-training.md`. */
export function trainingPage(results: TrainingResults): string {
  return `# Benchmarks of training

What \`npm run bench:train\` measured; it writes this page itself when asked to with \`--write-docs\`. Figures of one machine, to
compare Mixtape's native engine with PyTorch.

${trainingReport(results)}
${METHOD}`;
}

/** Returns all tables. */
export function trainingReport({ run, machine, trainers, missing, training, together }: TrainingResults): string {
  const rows = [
    ["machine", `${machine.processor}, ${machine.cores} cores, ${number(machine.memoryBytes / 2 ** 30)} GiB of memory`],
    ["system", `${machine.system}; Node ${machine.node.slice(1)}`],
    ...Object.entries(trainers).map(([name, description]) => [`\`${name}\``, description]),
    ["command", `\`npm run bench:train${run.args ? ` -- ${run.args}` : ""}\`, ${run.rounds} rounds, ${run.date}`],
    ["load average", `${run.load.before.toFixed(1)} before, ${run.load.after.toFixed(1)} after`],
  ];
  const absent = Object.entries(missing).map(([name, reason]) => `Not measured: \`${name}\`. ${reason}\n`);
  return [
    ["| | |", "|---|---|", ...rows.map(([what, value]) => `| ${what} | ${value} |`), ""].join("\n"),
    ...absent,
    ...training.map((result) => trainingTable(result)),
    ...quantizedTable(training),
    ...(together.length > 0 ? [togetherTable(together)] : []),
  ].join("\n");
}

/** Returns tokens per second of one trainer, one figure per process. */
function trainingSpeeds({ samples }: TrainingEntry, { rows, length }: TrainingTask): number[] {
  return samples.map(({ stepMs }) => (1000 * rows * length) / spreadOf(stepMs).median);
}

function trainingTable({ task, entries }: TrainingResult): string {
  const { title, rows, length } = task;
  const peer = entries.find((entry) => entry.peer);
  const speeds = new Map(entries.map((entry) => [entry, spreadOf(trainingSpeeds(entry, task))]));
  const head = [
    "engine",
    "tokens/s",
    ...(peer ? [`× ${peer.name}`] : []),
    "peak memory, MiB",
    "of it anonymous",
    `losses of the first ${PACE.steps} steps`,
  ];
  const cells = entries.map((entry) => [
    `\`${entry.name}\``,
    spread(speeds.get(entry)!),
    ...(peer ? [number(speeds.get(entry)!.median / speeds.get(peer)!.median)] : []),
    ...memoryOf(entry),
    entry.samples[0]!.losses.map((loss) => loss.toFixed(4)).join(", "),
  ]);
  const remarks = entries.flatMap(({ name, samples }) =>
    [...new Set(samples.flatMap(({ remark }) => remark ?? []))].map((remark) => `\`${name}\`: ${remark}.\n`),
  );
  const trainable = entries[0]!.samples[0]!.trainable;
  return `## ${task.name}

Training ${title}: ${trainable.toLocaleString("en-US")} parameters, ${rows} × ${length} tokens in a step.

${table(head, cells)}
${remarks.length > 0 ? `\n${remarks.join("")}` : ""}`;
}

/** Returns what quantised weights cost and save, beside the same adapter on the weights that they were made of. */
function quantizedTable(results: readonly TrainingResult[]): string[] {
  const quantized = results.filter(({ task }) => task.quantized);
  if (quantized.length === 0) return [];
  const plain = results.filter(({ task }) =>
    quantized.some((other) => !task.quantized && task.model === other.task.model && task.adapter),
  );
  const compared = [...plain, ...quantized].flatMap(({ task, entries }) =>
    entries.map((entry) => ({ task, entry, speed: spreadOf(trainingSpeeds(entry, task)) })),
  );
  const rows = compared.map(({ task, entry, speed }) => {
    const base = compared.find((other) => !other.task.quantized && other.entry.name === entry.name);
    const [resident, anonymous] = memoryOf(entry);
    const ratio = base ? number(speed.median / base.speed.median) : "";
    return [task.quantized ?? task.dtype, `\`${entry.name}\``, spread(speed), ratio, resident, anonymous];
  });
  const head = ["weights", "engine", "tokens/s", "× not quantised", "peak memory, MiB", "of it anonymous"];
  return [
    `## Quantised weights

The same adapter on frozen weights that are quantised, and on those that are not.

${table(head, rows)}
`,
  ];
}

/** Returns the memory of a trainer and the anonymous part of it, in MiB; empty if unknown. */
function memoryOf({ samples }: TrainingEntry): [string, string] {
  const memory = samples.flatMap((sample) => sample.memory ?? []);
  const mib = (bytes: readonly number[]): string => (bytes.length > 0 ? number(spreadOf(bytes).median / 2 ** 20) : "");
  return [
    mib(memory.map(({ residentBytes }) => residentBytes)),
    mib(memory.map(({ anonymousBytes }) => anonymousBytes)),
  ];
}

function togetherTable(results: readonly TogetherResult[]): string {
  const head = ["", "in one batch, ms", "each in turn, ms", "times faster"];
  const rows = results.map(({ task, samples }) => {
    const medians = samples.map(({ togetherMs, apartMs }) => [spreadOf(togetherMs).median, spreadOf(apartMs).median]);
    const ratios = medians.map(([together, apart]) => apart! / together!);
    return [
      task.title,
      spread(spreadOf(medians.map(([together]) => together!))),
      spread(spreadOf(medians.map(([, apart]) => apart!))),
      spread(spreadOf(ratios)),
    ];
  });
  const adapters = Object.entries(results[0]!.task.adapters).map(([name, { r }]) => `${name} of rank ${r}`);
  return `## Four adapters at once

${adapters.join(", ")}, on the attention: a training step of all four in one batch, against a step of
each. Both give the same losses and gradients (a test holds them to 1e-5).

${table(head, rows)}
`;
}

const METHOD = `## How it is measured

- Each figure is taken in a process of its own, one process at a time, and trainers take turns; each round starts with another one. A
  process loads the model, does ${PACE.steps} steps and at least two seconds of them to warm up, then at least five and at least
  five seconds, and its figure is the median of these. In parentheses are the least and the most of the processes.
- A step is all of it: batch, forward pass, loss, backward pass, clipping of the gradients' norm to 1, AdamW, and reading the loss.
- All trainers start from the same files, an adapter in Hugging Face PEFT's format among them, and see the same tokens, which are
  random: the losses tell that they compute the same.
- \`torch\` has as many threads as there are cores, \`sdpa\` attention, the fused AdamW, no key and value cache, and whichever of
  transformers' ways of multiplying by experts is faster here, tried before the steps are counted.
- Quantised weights: int4 is the bfloat16 checkpoint as \`sample-generate quantize\` writes it, which \`native\` multiplies as it is
  stored, and transformers decodes to bfloat16 on loading (peft puts no adapter on layers that stay packed). Q4_K_M is a GGUF file
  of the same shape whose random blocks are weights of their own.
- Memory is what Linux says was resident at most in the process, loading included: files that are mapped count.
`;
