/**
 * `npm run fuzz`: hostile inputs for everything that reads files. Prints a table, and exits with 1 if an input crashed
 * a process, took more than two seconds of processor time, or threw an untyped error.
 *
 *     npm run fuzz -- --inputs 1000000            # total number; default: 20,000
 *     npm run fuzz -- --only templates --seed 2   # one row, other inputs
 *     npm run fuzz -- --only templates --seed 1 --index 1234   # one input: its files, and its outcome
 */

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { outcomeOf } from "./outcome.js";
import { runAll } from "./pool.js";
import { Random } from "./random.js";
import { Table } from "./table.js";
import type { Files } from "./target.js";
import { TARGETS } from "./targets/index.js";
import type { Job } from "./worker.js";

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    index: { type: "string" },
    workers: { type: "string", default: String(Math.min(4, availableParallelism())) },
  },
});

/** Number of inputs between two progress lines. */
const PROGRESS = 20_000;

const seed = whole("seed", values.seed);
const chosen = TARGETS.filter(([{ name }]) => values.only === undefined || name === values.only);
if (chosen.length === 0) {
  const names = TARGETS.map(([{ name }]) => JSON.stringify(name)).join(", ");
  process.stderr.write(`--only: expected one of ${names}, got ${JSON.stringify(values.only)}.\n`);
  process.exitCode = 2;
} else if (values.index !== undefined) await one(whole("index", values.index));
else await all(whole("inputs", values.inputs));

async function one(index: number): Promise<void> {
  const reader = await chosen[0]![0].prepare();
  process.stdout.write(shown(reader.make(new Random(seed, index))));
  const outcome = await outcomeOf(reader, seed, index);
  process.stdout.write(`\n${outcome.kind}: ${outcome.what}\n`);
  process.exitCode = outcome.kind === "read" || outcome.kind === "refused" ? 0 : 1;
}

async function all(inputs: number): Promise<void> {
  const shares = chosen.reduce((sum, [, share]) => sum + share, 0);
  const jobs: Job[] = chosen.map(([{ name }, share]) => ({
    target: name,
    seed,
    from: 0,
    count: Math.ceil((inputs * share) / shares),
  }));
  const begin = performance.now();
  const table = new Table();
  const print = (): void => {
    const seconds = (performance.now() - begin) / 1000;
    process.stdout.write(`${table}\nSeed ${seed}, ${seconds.toFixed(0)} s.\n${table.failures(seed)}`);
  };
  // A long run that is stopped early reports its findings too.
  process.once("SIGINT", () => {
    print();
    process.exit(130);
  });
  let done = 0;
  await runAll(jobs, whole("workers", values.workers), ({ target }, index, outcome) => {
    table.add(target, index, outcome);
    if (++done % PROGRESS === 0) process.stderr.write(`${done} of ${inputs}\n`);
  });
  print();
  process.exitCode = table.failed ? 1 : 0;
}

function shown(files: Files): string {
  return [...files]
    .map(
      ([name, content]) =>
        `--- ${name}\n${JSON.stringify(typeof content === "string" ? content.slice(0, 3000) : `${content.length} bytes`)}\n`,
    )
    .join("");
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new RangeError(`--${name}: expected a whole number, got ${JSON.stringify(text)}`);
}
