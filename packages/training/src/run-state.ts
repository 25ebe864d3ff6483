import { Param } from "@mixtape/layers";
import { encodeWeight } from "@mixtape/ops";
import {
  openCheckpoint,
  readSideFile,
  type TensorSource,
  type TensorToWrite,
  writeCheckpoint,
} from "@mixtape/safetensors";
import type { AdamW, AdamWState } from "./adam-w.js";
import { TrainingError } from "./errors.js";
import { parseMetrics, type TrainingStep, toMetricsLine } from "./metrics.js";
import type { NamedParam } from "./params.js";
import { toReport } from "./report.js";

/** What is kept of a run: all that it takes to go on as if it had never stopped. */
export interface Run {
  readonly params: readonly NamedParam[];
  readonly buffers: readonly NamedParam[];
  readonly optimizer: AdamW;
  /** What the run was told, which has to be the same when it goes on. */
  readonly settings: RunSettings;
  /** Its steps so far. */
  readonly history: TrainingStep[];
}

/** What decides which batches and random numbers a step sees. */
export interface RunSettings {
  readonly seed: number;
  readonly accumulate: number;
}

interface RunFile extends RunSettings {
  readonly format: 1;
  readonly optimizer: AdamWState;
}

const RUN_FILE = "training.json";
const METRICS_FILE = "metrics.jsonl";
const REPORT_FILE = "report.html";

/**
 * Saves a run in a folder (Node): weights, moments and buffers in float32, the state of the optimiser, from which schedule, data
 * and random numbers follow, metrics and a report. A process that dies meanwhile leaves the old checkpoint or the new.
 */
export async function saveRun(folder: string, run: Run): Promise<void> {
  const { optimizer, settings, history } = run;
  const file: RunFile = { format: 1, ...settings, optimizer: optimizer.state };
  await writeCheckpoint(folder, tensorsOf(run), {
    files: {
      [RUN_FILE]: `${JSON.stringify(file, undefined, 1)}\n`,
      [METRICS_FILE]: history.map(toMetricsLine).join(""),
      [REPORT_FILE]: toReport(history),
    },
  });
}

/**
 * Goes on where a run was saved.
 * @returns false where nothing was saved in the folder
 * @throws {TrainingError} where what was saved is a run of another model, or with another seed or `accumulate`: then nothing is changed
 */
export async function loadRun(folder: string, run: Run): Promise<boolean> {
  const text = await readText(folder, RUN_FILE);
  if (text === undefined) return false;
  const file = parseRunFile(text, folder);
  for (const name of ["seed", "accumulate"] as const)
    if (file[name] !== run.settings[name])
      throw new TrainingError({
        where: `${folder}: ${name}`,
        expected: `${file[name]}, as when it was saved`,
        got: `${run.settings[name]}`,
        fix: "Another run needs a folder of its own",
      });
  const source = await openCheckpoint(folder);
  try {
    checkTensors(source, run, folder);
    for (const [name, param] of weightsOf(run)) await restore(param, source, name);
    await run.optimizer.load(source, file.optimizer);
  } finally {
    await source.close();
  }
  run.history.push(...parseMetrics((await readText(folder, METRICS_FILE)) ?? ""));
  return true;
}

function* tensorsOf(run: Run): IterableIterator<TensorToWrite> {
  for (const [name, param] of weightsOf(run))
    yield { name, dtype: "F32", shape: param.shape, bytes: () => encodeWeight(param.weight, "F32") };
  yield* run.optimizer.tensorsToWrite();
}

function* weightsOf({ params, buffers }: Run): IterableIterator<NamedParam> {
  for (const [name, param] of params) yield [`weight.${name}`, param];
  for (const [name, param] of buffers) yield [`buffer.${name}`, param];
}

/** The values of another run. The parameter keeps the dtype of the checkpoint that it came from. */
async function restore(param: Param, source: TensorSource, name: string): Promise<void> {
  const saved = new Param(param.shape, param.role);
  saved.unfreeze();
  await saved.load(source.tensor(name));
  param.assign(saved.weight.parts);
}

function checkTensors(source: TensorSource, run: Run, folder: string): void {
  const expected = new Map([...tensorsOf(run)].map(({ name, shape }) => [name, `[${shape}]`]));
  const found = new Map(source.names.map((name) => [name, `[${source.tensor(name).shape}]`]));
  const faults = [
    ...[...expected].filter(([name, shape]) => found.get(name) !== shape),
    ...[...found].filter(([name]) => !expected.has(name)),
  ].map(([name]) => `${name}: expected ${expected.get(name) ?? "nothing"}, got ${found.get(name) ?? "nothing"}`);
  if (faults.length > 0)
    throw new TrainingError({
      where: folder,
      expected: "a run of these parameters",
      got: `${faults.length} that differ, such as ${faults.slice(0, 3).join("; ")}`,
      fix: "It was saved from another model, or other parameters train now",
    });
}

function parseRunFile(text: string, folder: string): RunFile {
  try {
    const file = JSON.parse(text) as RunFile;
    if (file.format === 1) return file;
  } catch (cause) {
    throw new TrainingError({ where: `${folder}/${RUN_FILE}`, expected: "JSON", got: "something else", cause });
  }
  throw new TrainingError({ where: `${folder}/${RUN_FILE}`, expected: "format 1", got: "another format" });
}

async function readText(folder: string, name: string): Promise<string | undefined> {
  const bytes = await readSideFile(folder, name);
  return bytes && new TextDecoder().decode(bytes);
}
