/** Action of `sample-generate quantize`. */

import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import {
  bytes,
  colors,
  copyNamedTemplates,
  InputError,
  Interrupt,
  InterruptedError,
  note,
  parseInput,
  plural,
  readInputText,
  seconds,
  shellWord,
  short,
  table,
} from "@mixtape/command-line";
import { BytesBar, checkModel, chooseEngine } from "@mixtape/command-line/load";
import { type QuantizedCheckpoint, type QuantizeOptions, quantizeModel } from "@mixtape/mixtape";
import { checkOutput, savedFiles, sideFiles } from "../checkpoint-folder.js";
import type { QuantizeFlags } from "./quantize-flags.js";

/** Output of `--json`. */
interface QuantizeResult extends QuantizedCheckpoint {
  readonly output: string;
  readonly files: readonly string[];
  readonly totalBytes: number;
}

/** Quantises a model, and saves the result as a checkpoint. @throws {InterruptedError} on Ctrl-C */
export async function quantize(flags: QuantizeFlags): Promise<void> {
  using interrupt = new Interrupt();
  checkModel(flags.model);
  checkOutput(flags.output);
  checkOutside(flags.output, flags.model);
  const recipe = recipeOf(flags);
  const { calibration: file, calibrationTokens } = flags;
  const calibration = file === undefined ? undefined : readInputText(file, TEXT);
  if (calibration !== undefined) await chooseEngine(flags);
  const begin = performance.now();
  const bar = new BytesBar("quantising");
  let made: QuantizedCheckpoint;
  try {
    made = await quantizeModel(flags.model, flags.output, {
      quantize: recipe,
      ...(calibration !== undefined && { calibration }),
      ...(calibrationTokens !== undefined && { calibrationTokens }),
      files: await sideFiles(flags.model),
      ...(flags.ignore && { ignore: flags.ignore }),
      ...(flags.maxShardSize !== undefined && { maxShardBytes: flags.maxShardSize }),
      signal: interrupt.signal,
      onProgress: ({ savedBytes, totalBytes }) => bar.show(savedBytes, totalBytes),
      onWarning: ({ message }) => {
        bar.clear();
        note(message);
      },
    });
    copyNamedTemplates(flags.model, flags.output);
  } catch (error) {
    throw interrupt.came && error === interrupt.signal.reason ? new InterruptedError() : error;
  } finally {
    bar.clear();
  }
  const result: QuantizeResult = { output: flags.output, ...made, ...savedFiles(flags.output) };
  if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  if (made.uncalibrated.length > 0)
    note(
      `experts that met too few tokens are rounded value by value: ${listed(made.uncalibrated)}; a longer text helps`,
    );
  if (!flags.json) process.stdout.write(`\n${table(summary(result, performance.now() - begin), colors.dim)}`);
}

const TEXT = { expected: "a text file for calibration" } as const;

const RECIPE = { expected: "a JSON file with a recipe" } as const;

/** Returns the recipe of a file, with the flags that were given in place of its values. */
function recipeOf({ recipe, weights, groupSize, embeddings, keep }: QuantizeFlags): QuantizeOptions {
  const read =
    recipe === undefined ? {} : (parseInput(readInputText(recipe, RECIPE), recipe, RECIPE) as QuantizeOptions);
  return {
    ...read,
    ...(weights !== undefined && { weights }),
    ...(groupSize !== undefined && { groupSize }),
    ...(embeddings !== undefined && { embeddings }),
    ...(keep && { ignore: keep }),
  };
}

/** @throws {InputError} for an output within the folder of the model, whose files it would be among */
function checkOutside(output: string, model: string): void {
  if (!statSync(model).isDirectory()) return;
  const parent = existing(resolve(output));
  const path = relative(realpathSync(model), parent);
  if (path.startsWith("..") || resolve(path) === path) return;
  throw new InputError({
    where: output,
    expected: "a folder outside of the model's",
    got: `one in ${model}`,
    fix: "Choose another folder for --output",
  });
}

/** Returns the real path of a folder, of which the last parts need not exist. */
function existing(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return dirname(path) === path ? path : join(existing(dirname(path)), basename(path));
  }
}

function listed(names: readonly string[]): string {
  const more = names.length - 3;
  return `${names.slice(0, 3).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function summary({ output, files, totalBytes, formats }: QuantizeResult, ms: number): [string, string][] {
  const sum = (key: "bytes" | "values"): number => Object.values(formats).reduce((all, format) => all + format[key], 0);
  return [
    ...Object.entries(formats).map(([format, { matrices, values: count }]): [string, string] => [
      format === "none" ? "as before" : format,
      `${short(count)} weights, in ${matrices} ${matrices === 1 ? "matrix" : "matrices"}`,
    ]),
    ["in all", `${((8 * sum("bytes")) / sum("values")).toFixed(2)} bits per weight`],
    ["saved", `${output}: ${plural(files.length, "file")}, ${bytes(totalBytes)}, ${seconds(ms)}`],
    ["to see it", `sample-generate generate --model ${shellWord(output)} --prompt …`],
  ];
}
