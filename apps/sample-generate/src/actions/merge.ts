/** Action of `sample-generate merge`. */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import {
  bytes,
  colors,
  copyNamedTemplates,
  InputError,
  Interrupt,
  InterruptedError,
  plural,
  seconds,
  shellWord,
  table,
  tokenizerFiles,
} from "@mixtape/command-line";
import { aboutAdapter, BytesBar, checkFolder, checkModel, load } from "@mixtape/command-line/load";
import { adaptersOf } from "@mixtape/peft";
import { MERGE_DTYPES, type MergeFlags } from "./merge-flags.js";

/** Output of `--json`. */
interface MergeResult {
  readonly output: string;
  readonly adapter: string;
  /** Number of modules that the adapter changed. */
  readonly modules: number;
  readonly dtype: string;
  readonly files: readonly string[];
  readonly totalBytes: number;
  readonly engine: string;
}

/** Merges an adapter into a model, and saves the result as a checkpoint. @throws {InterruptedError} on Ctrl-C */
export async function merge(flags: MergeFlags): Promise<void> {
  using interrupt = new Interrupt();
  checkModel(flags.model);
  checkFolder(flags.adapter, "adapter");
  checkOutput(flags.output);
  const files = await sideFiles(flags);
  // The result is saved, so activations must not be rounded.
  const { model, adapter, engine } = await load({ ...flags, precision: undefined }, interrupt);
  const dtype = flags.dtype && MERGE_DTYPES[flags.dtype];
  const begin = performance.now();
  const bar = new BytesBar("saving");
  try {
    await adaptersOf(model).merge(adapter!.name, { dtype });
    interrupt.signal.throwIfAborted();
    await model.savePretrained(flags.output, {
      dtype,
      files,
      maxShardBytes: flags.maxShardSize,
      signal: interrupt.signal,
      onProgress: ({ savedBytes, totalBytes }) => bar.show(savedBytes, totalBytes),
    });
    copyNamedTemplates(folderOfTokenizer(flags), flags.output);
  } catch (error) {
    throw interrupt.came && error === interrupt.signal.reason ? new InterruptedError() : error;
  } finally {
    bar.clear();
  }
  const saved = readdirSync(flags.output, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(flags.output, join(entry.parentPath, entry.name)))
    .sort();
  const result: MergeResult = {
    output: flags.output,
    adapter: aboutAdapter(adapter!),
    modules: adapter!.table.length,
    dtype: flags.dtype ?? model.config.dtype ?? "as before",
    files: saved,
    totalBytes: saved.reduce((sum, file) => sum + statSync(join(flags.output, file)).size, 0),
    engine: engine.name,
  };
  if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else process.stdout.write(`\n${table(summary(result, performance.now() - begin), colors.dim)}`);
}

function summary({ adapter, modules, output, files, totalBytes, dtype }: MergeResult, ms: number): [string, string][] {
  return [
    ["merged", `${adapter}, at ${plural(modules, "module")}`],
    ["saved", `${output}: ${plural(files.length, "file")}, ${bytes(totalBytes)}, ${dtype}, ${seconds(ms)}`],
    ["to see it", `sample-generate generate --model ${shellWord(output)} --prompt …`],
  ];
}

/** Leftovers of a killed save, which the next one deletes. */
const LEFT_BEHIND = /^\.(save\.lock|.+\.tmp)$/;

/** @throws {InputError} unless the folder is new or empty */
function checkOutput(output: string): void {
  if (!existsSync(output)) return;
  const expected = "a new or empty folder for the checkpoint";
  if (!statSync(output).isDirectory()) throw new InputError({ where: output, expected, got: "a file" });
  const there = readdirSync(output).filter((name) => !LEFT_BEHIND.test(name));
  if (there.length > 0)
    throw new InputError({
      where: output,
      expected,
      got: `a folder with ${plural(there.length, "file")} in it`,
      fix: "Choose another folder for --output: nothing is overwritten",
    });
}

/** Licenses are copied with the weights. */
const LICENSES = /^(licen[cs]e|notice|use_policy)([._-].*)?$/i;

/** Returns the folder of the tokenizer: the adapter's, if it has one, or the model's. */
function folderOfTokenizer({ model, adapter }: MergeFlags): string {
  return existsSync(join(adapter, "tokenizer.json")) ? adapter : model;
}

/** Returns the files to save with the weights. */
async function sideFiles(flags: MergeFlags): Promise<Record<string, Uint8Array>> {
  // The licence of a GGUF file is beside it, among those of other models.
  const names = statSync(flags.model).isDirectory() ? readdirSync(flags.model) : [];
  const licenses = names.filter((name) => LICENSES.test(name) && statSync(join(flags.model, name)).isFile());
  return {
    ...(await tokenizerFiles(folderOfTokenizer(flags))),
    ...Object.fromEntries(licenses.map((name) => [name, readFileSync(join(flags.model, name))])),
  };
}
