/** Action of `sample-generate merge`. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  bytes,
  colors,
  copyNamedTemplates,
  Interrupt,
  InterruptedError,
  plural,
  seconds,
  shellWord,
  table,
} from "@mixtape/command-line";
import { aboutAdapter, BytesBar, checkFolder, checkModel, load } from "@mixtape/command-line/load";
import { adaptersOf } from "@mixtape/peft";
import { checkOutput, savedFiles, sideFiles } from "../checkpoint-folder.js";
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
  const files = await sideFiles(flags.model, folderOfTokenizer(flags));
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
  const result: MergeResult = {
    output: flags.output,
    adapter: aboutAdapter(adapter!),
    modules: adapter!.table.length,
    dtype: flags.dtype ?? model.config.dtype ?? "as before",
    ...savedFiles(flags.output),
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

/** Returns the folder of the tokenizer: the adapter's, if it has one, or the model's. */
function folderOfTokenizer({ model, adapter }: MergeFlags): string {
  return existsSync(join(adapter, "tokenizer.json")) ? adapter : model;
}
