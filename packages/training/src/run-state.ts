import type { Param } from "@mixtape/layers";
import { encodeWeight } from "@mixtape/ops";
import {
  openCheckpoint,
  readSideFile,
  type TensorSource,
  type TensorToWrite,
  writeCheckpoint,
} from "@mixtape/safetensors";
import type { AdamW } from "./adam-w.js";
import { TrainingError } from "./errors.js";
import type { BestParams } from "./held-out.js";
import { parseMetrics, type TrainingStep, toMetricsLine } from "./metrics.js";
import type { NamedParam } from "./params.js";
import { toReport } from "./report.js";
import { readChecked, withValues } from "./restore.js";
import { parseRunFile, type RunFile, type RunSettings } from "./run-file.js";

/** State of a run: everything needed to resume it as if it had never stopped. */
export interface Run {
  readonly params: readonly NamedParam[];
  readonly buffers: readonly NamedParam[];
  readonly optimizer: AdamW;
  /** Settings of the run, which must be the same when it is resumed. */
  readonly settings: RunSettings;
  /** Its steps so far. */
  readonly history: TrainingStep[];
  /** Parameters with the lowest held-out loss so far, if they are kept. */
  best: BestParams | null;
}

const RUN_FILE = "training.json";
const METRICS_FILE = "metrics.jsonl";
const REPORT_FILE = "report.html";

/**
 * Saves a run in a folder (Node): weights, moments and buffers in float32, the state of the optimiser, which determines
 * schedule, data and random numbers, metrics and a report. A process that dies during the save leaves either the old
 * checkpoint or the new one.
 */
export async function saveRun(folder: string, run: Run): Promise<void> {
  const { optimizer, settings, history } = run;
  const file: RunFile = { format: 1, ...settings, best: run.best?.step ?? null, optimizer: optimizer.state };
  await writeCheckpoint(folder, tensorsOf(run), {
    files: {
      [RUN_FILE]: `${JSON.stringify(file, undefined, 1)}\n`,
      [METRICS_FILE]: history.map(toMetricsLine).join(""),
      [REPORT_FILE]: toReport(history),
    },
  });
}

/**
 * Resumes a saved run. Everything is read and checked first: a run that cannot be resumed leaves the model unchanged.
 * @returns false if nothing was saved in the folder
 * @throws {TrainingError} if the saved run is of another model, has another seed, `accumulate` or optimiser settings,
 *   or is damaged: then nothing is changed
 */
export async function loadRun(folder: string, run: Run): Promise<boolean> {
  const text = await readText(folder, RUN_FILE);
  if (text === undefined) return false;
  const names = run.params.map(([name]) => name);
  const file = parseRunFile(text, `${folder}/${RUN_FILE}`, names);
  checkSettings(file, run, folder);
  const history = parseMetrics((await readText(folder, METRICS_FILE)) ?? "", `${folder}/${METRICS_FILE}`);
  const { steps } = file.optimizer;
  if (history.length !== steps || history.some(({ step }, i) => step !== i + 1))
    throw new TrainingError({
      where: `${folder}/${METRICS_FILE}`,
      expected: `the steps 1 to ${steps}, one on each line`,
      got: `${history.length} lines, the last for step ${history.at(-1)?.step ?? "none"}`,
      fix: "The file was changed, or belongs to another run",
    });
  const source = await openCheckpoint(folder);
  const restored: (readonly [Param, Param])[] = [];
  try {
    checkTensors(source, run, file, folder);
    for (const [name, param] of weightsOf(run))
      restored.push([param, await withValues(param, await readChecked(source.tensor(name), folder))]);
    const best = new Map<string, Uint8Array>();
    if (file.best !== null)
      for (const name of names) best.set(name, await (await readChecked(source.tensor(bestName(name)), folder)).read());
    await run.optimizer.load(source, file.optimizer, folder);
    run.best = file.best === null ? null : { step: file.best, values: best };
  } catch (error) {
    for (const [, values] of restored) values.dispose();
    throw error;
  } finally {
    await source.close();
  }
  // The parameter keeps the dtype of its checkpoint.
  for (const [param, values] of restored) param.assign(values.weight.parts);
  run.history.push(...history);
  return true;
}

/** @throws {TrainingError} for a run that was saved with other settings */
function checkSettings(file: RunFile, run: Run, folder: string): void {
  for (const name of ["seed", "accumulate"] as const)
    if (file[name] !== run.settings[name])
      throw new TrainingError({
        where: `${folder}: ${name}`,
        expected: `${file[name]}, as when it was saved`,
        got: `${run.settings[name]}`,
        fix: "Use another folder for another run",
      });
  run.optimizer.checkSettings(file.optimizer.settings, folder);
}

function* tensorsOf(run: Run): IterableIterator<TensorToWrite> {
  for (const [name, param] of weightsOf(run))
    yield { name, dtype: "F32", shape: param.shape, bytes: () => encodeWeight(param.weight, "F32") };
  yield* run.optimizer.tensorsToWrite();
  const { best } = run;
  if (best)
    for (const [name, { shape }] of run.params)
      yield { name: bestName(name), dtype: "F32", shape, bytes: best.values.get(name)! };
}

function bestName(param: string): string {
  return `best.${param}`;
}

function* weightsOf({ params, buffers }: Run): IterableIterator<NamedParam> {
  for (const [name, param] of params) yield [`weight.${name}`, param];
  for (const [name, param] of buffers) yield [`buffer.${name}`, param];
}

function checkTensors(source: TensorSource, run: Run, { best }: RunFile, folder: string): void {
  const expected = new Map([...tensorsOf({ ...run, best: null })].map(({ name, shape }) => [name, `F32 [${shape}]`]));
  if (best !== null) for (const [name, { shape }] of run.params) expected.set(bestName(name), `F32 [${shape}]`);
  const found = new Map(
    source.names.map((name) => [name, `${source.tensor(name).dtype} [${source.tensor(name).shape}]`]),
  );
  const faults = [
    ...[...expected].filter(([name, shape]) => found.get(name) !== shape),
    ...[...found].filter(([name]) => !expected.has(name)),
  ].map(([name]) => `${name}: expected ${expected.get(name) ?? "nothing"}, got ${found.get(name) ?? "nothing"}`);
  if (faults.length > 0)
    throw new TrainingError({
      where: folder,
      expected: "a run of these parameters",
      got: `${faults.length} that differ, such as ${faults.slice(0, 3).join("; ")}`,
      fix: "It was saved from another model, or other parameters are trained now",
    });
}

async function readText(folder: string, name: string): Promise<string | undefined> {
  const bytes = await readSideFile(folder, name);
  return bytes && new TextDecoder().decode(bytes);
}
