/** `npm run bench:families`: decoding with each family beside transformers, on parts of released models with 16 experts. */

import { writeFile } from "node:fs/promises";
import { argv, exit } from "node:process";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { log, positive } from "../command.js";
import { load, machine } from "../machine/machine.js";
import { findRunners, race } from "../race.js";
import { mixtape } from "../runners/mixtape.js";
import type { Runner } from "../runners/runner.js";
import { transformersOn } from "../runners/transformers.js";
import { select } from "../select.js";
import { DECODE_TASKS, heatsOf } from "../tasks.js";
import { checkpointOf } from "./checkpoint.js";
import { CUTS } from "./cuts.js";
import { type FamilyResult, familiesPage, familiesReport } from "./report.js";

const PAGE = fileURLToPath(new URL("../../../docs/benchmarks-families.md", import.meta.url));

interface Flags {
  readonly families?: string;
  readonly runs: number;
  readonly threads: number;
  readonly writeDocs?: boolean;
}

const program = new Command("bench:families")
  .description("Races native against transformers in decoding, on parts of released models with 16 experts.")
  .option("--families <names>", `comma-separated, of ${CUTS.map(({ name }) => name).join(", ")}; default: all`)
  .option("--runs <n>", "processes for each figure", positive, 3)
  .option("--threads <n>", "threads of each engine", positive, 1)
  .option("--write-docs", "write docs/benchmarks-families.md");

program.parse();
await bench(program.opts<Flags>()).catch((error: Error) => {
  log(`bench:families: ${error.message}`);
  exit(1);
});

async function bench({ families, runs: rounds, threads, writeDocs }: Flags): Promise<void> {
  const cuts = families ? select(CUTS, families, "--families") : CUTS;
  const field = await lineUp([
    mixtape("native", { threads }),
    transformersOn({ threads, dtypes: ["bfloat16", "float32"] }),
  ]);
  const before = load();
  const run = { date: new Date().toISOString().slice(0, 10), args: argv.slice(2).join(" "), rounds };
  const header = {
    threads,
    machine: machine(),
    runners: Object.fromEntries(field.map(({ runner, description }) => [runner.name, description])),
  };
  const results: FamilyResult[] = [];
  for (const cut of cuts) {
    log(cut.name);
    const files = { folder: await checkpointOf(cut), gguf: null };
    // Speed alone: kernels and profiles are in `npm run bench`.
    const runners = field.map(({ runner: { kernels: _, profile: __, ...runner }, description }) => ({
      runner,
      description,
    }));
    const { entries, failed } = await race(runners, { files, heats: heatsOf(DECODE_TASKS), rounds, log });
    if (failed.length > 0) throw new Error(failed.map(({ name, reason }) => `${name}: ${reason}`).join("\n"));
    results.push({ cut, entries });
    // Families take minutes each.
    log(familiesReport({ ...header, run: { ...run, load: { before, after: load() } }, families: results.slice(-1) }));
  }
  const all = { ...header, run: { ...run, load: { before, after: load() } }, families: results };
  console.log(familiesReport(all));
  if (writeDocs) await writeFile(PAGE, familiesPage(all));
}

/** Both have to be here: one alone is not a race. */
async function lineUp(runners: readonly Runner[]): Promise<{ runner: Runner; description: string }[]> {
  return (await findRunners(runners)).map(({ runner, found }) => {
    if ("missing" in found) throw new Error(found.missing);
    return { runner, description: found.description };
  });
}
