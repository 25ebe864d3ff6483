/** `npm run bench`: races the engines, prints tables, and writes them where asked to. */

import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { argv, env, exit, stderr } from "node:process";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { load, machine, measureBandwidth } from "./machine/machine.js";
import { findRunners, race } from "./race.js";
import { pageOf, reportOf } from "./report/page.js";
import type { Results, ShapeResults } from "./report/results.js";
import type { Runner } from "./runners/runner.js";
import { RUNNERS } from "./runners/runners.js";
import { select } from "./select.js";
import { SHAPES } from "./shapes/shapes.js";
import { workOf } from "./shapes/work.js";
import { TASKS } from "./tasks.js";

const PAGE = fileURLToPath(new URL("../../docs/benchmarks.md", import.meta.url));
/** Twice what the largest caches hold. */
const LARGE = 2 ** 30;

interface Flags {
  readonly engines?: string;
  readonly shapes?: string;
  readonly tasks?: string;
  readonly runs: number;
  readonly baseline?: string;
  readonly json?: string;
  readonly writeDocs?: boolean;
}

const program = new Command("bench")
  .description("Races the engines that are here: loading, prefilling, decoding, memory, kernels.")
  .option("--engines <names>", "comma-separated; all that are here where absent")
  .option("--shapes <names>", "models, comma-separated; all where absent")
  .option("--tasks <names>", "comma-separated; all where absent")
  .option("--runs <n>", "processes for each figure", positive, 5)
  .option("--baseline <name>", "the engine that ratios are against; the slowest where absent")
  .option("--json <file>", "write all that was measured")
  .option("--write-docs", "write docs/benchmarks.md");

program.parse();
await bench(program.opts<Flags>()).catch((error: Error) => {
  stderr.write(`bench: ${error.message}\n`);
  exit(1);
});

async function bench(flags: Flags): Promise<void> {
  const tasks = flags.tasks ? select(TASKS, flags.tasks, "--tasks") : TASKS;
  const shapes = flags.shapes ? select(SHAPES, flags.shapes, "--shapes") : SHAPES;
  const { field, missing } = await lineUp(flags);
  const before = load();
  log("reading memory");
  const memory = await measureBandwidth(LARGE);
  const done: ShapeResults[] = [];
  for (const { name, description, prepare } of shapes) {
    const folder = await prepare();
    const work = await workOf(folder);
    const weightsMemory = await measureBandwidth(4 * work.weights);
    const entries = await race(field, { folder, tasks, rounds: flags.runs, log });
    done.push({ name, description, work, weightsMemory, entries });
  }
  const results: Results = {
    date: new Date().toISOString().slice(0, 10),
    // Where the JSON went is nobody else's business.
    args: argv
      .slice(2)
      .join(" ")
      .replace(/ ?--json[ =]\S+/, ""),
    rounds: flags.runs,
    machine: machine(),
    load: { before, after: load() },
    memory,
    tasks,
    shapes: done,
    missing,
  };
  console.log(reportOf(results, flags.baseline));
  // npm runs this in another folder than the one it was called in.
  if (flags.json) await writeFile(resolve(env.INIT_CWD ?? ".", flags.json), `${JSON.stringify(results, null, 2)}\n`);
  if (flags.writeDocs) await writeFile(PAGE, pageOf(results, flags.baseline));
}

/** Those that run. One that was named and does not run is an error; others that do not are told of. */
async function lineUp({ engines, baseline }: Flags): Promise<{
  field: { runner: Runner; description: string }[];
  missing: Results["missing"];
}> {
  const wanted = engines ? select(RUNNERS, engines, "--engines") : RUNNERS;
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

function positive(text: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n > 0) return n;
  throw new InvalidArgumentError("Expected a whole number of at least 1.");
}

function log(line: string): void {
  stderr.write(`${line}\n`);
}
