/** `npm run bench:larger`: Qwen3-30B-A3B, whole, at 4 bits, from one GGUF file: in memory, and with less memory than the file. */

import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { exit } from "node:process";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { called, log, positive, runRecord } from "../command.js";
import { measureDisk } from "../machine/disk.js";
import { load, machine } from "../machine/machine.js";
import { select } from "../select.js";
import { raceLarger } from "./race.js";
import { type LargerResults, largerPage, largerReport } from "./report.js";
import { RUNNERS } from "./runners.js";
import { LARGER_TASKS } from "./tasks.js";
import { wholeFile } from "./whole-file.js";

const PAGE = fileURLToPath(new URL("../../../docs/benchmarks-larger.md", import.meta.url));

interface Flags {
  readonly engines?: string;
  readonly tasks?: string;
  readonly runs: number;
  readonly threads: number;
  readonly json?: string;
  readonly writeDocs?: boolean;
}

const program = new Command("bench:larger")
  .description(
    "Races native against llama.cpp on Qwen3-30B-A3B at 4 bits, whole: in memory, and with half of the memory.",
  )
  .option(
    "--engines <names>",
    `comma-separated, of ${RUNNERS.map(({ name }) => name).join(", ")}; default: those that are available`,
  )
  .option("--tasks <names>", `comma-separated, of ${LARGER_TASKS.map(({ name }) => name).join(", ")}; default: all`)
  .option("--runs <n>", "processes for each figure", positive, 3)
  .option("--threads <n>", "threads of each engine", positive, availableParallelism())
  .option("--json <file>", "write all measurements")
  .option("--write-docs", "write docs/benchmarks-larger.md");

program.parse();
await bench(program.opts<Flags>()).catch((error: Error) => {
  log(`bench:larger: ${error.message}`);
  exit(1);
});

async function bench({ engines, tasks, runs: rounds, threads, json, writeDocs }: Flags): Promise<void> {
  const wanted = engines ? select(RUNNERS, engines, "--engines") : RUNNERS;
  const missing = wanted.flatMap((runner) => runner.missing() ?? []);
  if (engines && missing.length > 0) throw new Error(missing.join(" "));
  const runners = wanted.filter((runner) => runner.missing() === undefined);
  const file = await wholeFile();
  const before = load();
  const disk = await measureDisk(file.path);
  const measured: LargerResults["tasks"][number][] = [];
  for (const task of tasks ? select(LARGER_TASKS, tasks, "--tasks") : LARGER_TASKS)
    measured.push(await raceLarger(task, runners, { file, rounds, threads, log }));
  const results: LargerResults = {
    run: runRecord(rounds, before),
    machine: machine(),
    fileBytes: file.bytes,
    threads,
    disk,
    runners: Object.fromEntries(runners.map(({ name, description }) => [name, description])),
    missing,
    tasks: measured,
  };
  console.log(largerReport(results));
  if (json) await writeFile(called(json), `${JSON.stringify(results, null, 2)}\n`);
  if (writeDocs) await writeFile(PAGE, largerPage(results));
}
