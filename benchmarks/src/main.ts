/** `npm run bench`: races the engines, prints tables, and writes them to files on request. */

import { writeFile } from "node:fs/promises";
import { exit } from "node:process";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { called, log, positive, runRecord } from "./command.js";
import { load, machine, measureBandwidth } from "./machine/machine.js";
import { measurePeaks } from "./machine/peaks.js";
import { installPeers } from "./peers/install.js";
import { findRunners, race, type Starter } from "./race.js";
import { merge, readResults } from "./report/merge.js";
import { pageOf, reportOf } from "./report/page.js";
import type { BenchRun, Results, ShapeResults } from "./report/results.js";
import { RUNNERS } from "./runners/runners.js";
import { select } from "./select.js";
import { modelOf, type Shape } from "./shapes/shape.js";
import { SHAPES } from "./shapes/shapes.js";
import { decodeBytes, workOf } from "./shapes/work.js";
import { heatsOf, TASKS, type Task } from "./tasks.js";

const PAGE = fileURLToPath(new URL("../../docs/benchmarks.md", import.meta.url));
/** Twice the size of the largest caches. */
const LARGE = 2 ** 30;

interface Flags {
  readonly engines?: string;
  readonly shapes?: string;
  readonly tasks?: string;
  readonly runs: number;
  readonly baseline?: string;
  readonly json?: string;
  readonly after?: string;
  readonly writeDocs?: boolean;
  readonly installPeers?: boolean;
}

const program = new Command("bench")
  .description(
    "Races the available engines, and those of other projects: loading, prefilling, decoding, memory, kernels.",
  )
  .option("--engines <names>", "comma-separated; default: all that are available")
  .option("--shapes <names>", "models, comma-separated; default: all")
  .option("--tasks <names>", "comma-separated; default: all")
  .option("--runs <n>", "processes for each figure", positive, 3)
  .option("--baseline <name>", "baseline of the ratios; default: the best peer, or the slowest engine")
  .option("--json <file>", "write all measurements")
  .option("--after <file>", "output of --json of an earlier run on this machine: its shapes are reported too")
  .option("--write-docs", "write docs/benchmarks.md")
  .option("--install-peers", "install node-llama-cpp, transformers, vLLM and OpenVINO into the cache, without a race");

program.parse();
const flags = program.opts<Flags>();
await (flags.installPeers ? installPeers(log) : bench(flags)).catch((error: Error) => {
  log(`bench: ${error.message}`);
  exit(1);
});

async function bench(flags: Flags): Promise<void> {
  const tasks = flags.tasks ? select(TASKS, flags.tasks, "--tasks") : TASKS;
  const shapes = flags.shapes ? select(SHAPES, flags.shapes, "--shapes") : SHAPES;
  const earlier = flags.after ? await readResults(called(flags.after)) : null;
  const { field, missing } = await lineUp(flags, shapes);
  const before = load();
  log("reading memory");
  const memory = await measureBandwidth(LARGE);
  const peaks = field.some(({ runner }) => runner.name === "native") ? await measurePeaks() : null;
  const done: ShapeResults[] = [];
  for (const shape of shapes) {
    const results = await raceOn(shape, { field, tasks, rounds: flags.runs });
    if (results) done.push(results);
  }
  const run: BenchRun = runRecord(flags.runs, before);
  const own: Results = { runs: [run], machine: machine(), memory, peaks, shapes: done, missing };
  const results = earlier ? merge(earlier, own) : own;
  console.log(reportOf(results, flags.baseline));
  if (flags.json) await writeFile(called(flags.json), `${JSON.stringify(results, null, 2)}\n`);
  const failed = done.flatMap(({ name, failed }) => failed.map((runner) => `${runner.name} on ${name}`));
  if (failed.length > 0) throw new Error(`these failed, and nothing is written to the manual: ${failed.join(", ")}`);
  if (flags.writeDocs) await writeFile(PAGE, pageOf(results, flags.baseline));
}

/** Races the suitable runners on a shape; null if none is left or nothing is to be measured. */
async function raceOn(
  { name, description, runners, tasks, prepare }: Shape,
  wanted: { readonly field: readonly Starter[]; readonly tasks: readonly Task[]; readonly rounds: number },
): Promise<ShapeResults | null> {
  const field = wanted.field.filter(({ runner }) => runners.includes(runner.name));
  const own = tasks.filter((task) => wanted.tasks.some((other) => other.name === task.name));
  if (field.length === 0 || own.length === 0) {
    log(`${name}: no ${field.length === 0 ? "engine" : "task"} for it among those wanted`);
    return null;
  }
  const files = await prepare();
  const work = await workOf(modelOf(files));
  log(`reading ${Math.round(decodeBytes(work) / 1e6)} MB of memory`);
  const weightsMemory = await measureBandwidth(decodeBytes(work));
  const outcome = await race(field, { files, heats: heatsOf(own), rounds: wanted.rounds, log });
  return { name, description, tasks: own, work, weightsMemory, ...outcome };
}

/** Returns the runners that work here. A named one that does not is an error; others that do not are reported. */
async function lineUp(
  { engines, baseline }: Flags,
  shapes: readonly Shape[],
): Promise<{ field: Starter[]; missing: Results["missing"] }> {
  const useful = RUNNERS.filter(({ name }) => shapes.some(({ runners }) => runners.includes(name)));
  const wanted = engines ? select(RUNNERS, engines, "--engines") : useful;
  if (baseline) select(wanted, baseline, "--baseline");
  const field = [];
  const missing = [];
  for (const { runner, found } of await findRunners(wanted)) {
    if ("description" in found) field.push({ runner, description: found.description });
    else if (engines) throw new Error(found.missing);
    else missing.push({ name: runner.name, reason: found.missing });
  }
  return { field, missing };
}
