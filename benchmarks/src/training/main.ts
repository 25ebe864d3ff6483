/** `npm run bench:train`: training speed and memory of models and adapters, beside PyTorch. */

import { writeFile } from "node:fs/promises";
import { exit } from "node:process";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { called, log, positive, runRecord } from "../command.js";
import { load, machine } from "../machine/machine.js";
import { select } from "../select.js";
import { native } from "./native.js";
import { type Found, raceTogether, raceTraining, type TogetherResult, type TrainingResult } from "./race.js";
import { type TrainingResults, trainingPage, trainingReport } from "./report.js";
import { TOGETHER_TASKS, TRAINING_TASKS } from "./tasks.js";
import { torch } from "./torch.js";

const PAGE = fileURLToPath(new URL("../../../docs/benchmarks-training.md", import.meta.url));
const TRAINERS = [native, torch];

interface Flags {
  readonly engines?: string;
  readonly tasks?: string;
  readonly runs: number;
  readonly json?: string;
  readonly writeDocs?: boolean;
}

const program = new Command("bench:train")
  .description("Races native against PyTorch in training: all parameters, LoRA, and four adapters in one batch.")
  .option("--engines <names>", "native and torch, comma-separated; default: those that are available")
  .option(
    "--tasks <names>",
    `comma-separated, of ${[...TRAINING_TASKS, ...TOGETHER_TASKS].map(({ name }) => name).join(", ")}`,
  )
  .option("--runs <n>", "processes for each figure", positive, 3)
  .option("--json <file>", "write all measurements")
  .option("--write-docs", "write docs/benchmarks-training.md");

program.parse();
await bench(program.opts<Flags>()).catch((error: Error) => {
  log(`bench:train: ${error.message}`);
  exit(1);
});

async function bench({ engines, tasks, runs: rounds, json, writeDocs }: Flags): Promise<void> {
  const all = [...TRAINING_TASKS, ...TOGETHER_TASKS];
  const wanted = new Set((tasks ? select(all, tasks, "--tasks") : all).map(({ name }) => name));
  const { field, missing } = await lineUp(engines);
  const before = load();
  const training: TrainingResult[] = [];
  const together: TogetherResult[] = [];
  for (const task of TRAINING_TASKS)
    if (wanted.has(task.name)) training.push(await raceTraining(task, field, { rounds, log }));
  if (field.some(({ trainer }) => trainer === native))
    for (const task of TOGETHER_TASKS)
      if (wanted.has(task.name)) together.push(await raceTogether(task, { rounds, log }));
  const results: TrainingResults = {
    run: runRecord(rounds, before),
    machine: machine(),
    trainers: Object.fromEntries(field.map(({ trainer, description }) => [trainer.name, description])),
    missing,
    training,
    together,
  };
  console.log(trainingReport(results));
  if (json) await writeFile(called(json), `${JSON.stringify(results, null, 2)}\n`);
  if (writeDocs) await writeFile(PAGE, trainingPage(results));
}

/** Returns the trainers that work here. A named one that does not is an error; others that do not are reported. */
async function lineUp(engines: string | undefined): Promise<{ field: Found[]; missing: Record<string, string> }> {
  const field: Found[] = [];
  const missing: Record<string, string> = {};
  for (const trainer of engines ? select(TRAINERS, engines, "--engines") : TRAINERS) {
    const found = await trainer.find();
    if ("description" in found) field.push({ trainer, description: found.description });
    else if (engines) throw new Error(found.missing);
    else missing[trainer.name] = found.missing;
  }
  if (field.length === 0)
    throw new Error(`expected an engine that trains, got none. ${Object.values(missing).join(" ")}`);
  return { field, missing };
}
