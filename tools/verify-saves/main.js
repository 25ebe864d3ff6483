/**
 * `npm run verify:saves`: kills saves and training runs with SIGKILL, lets writers race, and reads folders during saves
 * with code that knows nothing of these packages. Prints one table; exits with 1 if anything fails.
 *
 *   npm run verify:saves -- [--saves 400] [--runs 100] [--writers 50] [--races 20] [--reads 300]
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { killedRuns } from "./killed-runs.js";
import { killedSaves } from "./killed-saves.js";
import { outsideReaders } from "./outside-readers.js";
import { racingRuns } from "./racing-runs.js";
import { racingWriters } from "./racing-writers.js";

const { values } = parseArgs({
  options: {
    saves: { type: "string", default: "400" },
    runs: { type: "string", default: "100" },
    writers: { type: "string", default: "50" },
    races: { type: "string", default: "20" },
    reads: { type: "string", default: "300" },
  },
});

const folder = mkdtempSync(join(tmpdir(), "mixtape-saves-"));
const rows = [];
try {
  for (const [verify, count] of [
    [killedSaves, values.saves],
    [killedRuns, values.runs],
    [racingWriters, values.writers],
    [racingRuns, values.races],
    [outsideReaders, values.reads],
  ])
    if (Number(count) > 0) rows.push(...(await verify(folder, Number(count), progress)));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log("| test | runs | passed | result |\n|---|---:|---:|---|");
for (const { what, tries, good, seen } of rows) console.log(`| ${what} | ${tries} | ${good} | ${seen} |`);
process.exitCode = rows.every(({ tries, good }) => tries === good) ? 0 : 1;

function progress(what, done, of) {
  if (process.stderr.isTTY) process.stderr.write(`\r${what}: ${done} of ${of}   ${done === of ? "\n" : ""}`);
  else if (done % 50 === 0 || done === of) process.stderr.write(`${what}: ${done} of ${of}\n`);
}
