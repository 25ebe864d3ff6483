/** `sample-generate merge`: its flags and its help. */

import {
  Command,
  checkOption,
  debugOption,
  engineOption,
  fileSize,
  given,
  ignoreOption,
  modelOption,
  Option,
  someText,
  threadsOption,
} from "@mixtape/command-line";
import { MERGE_DTYPES, type MergeFlags } from "../actions/merge-flags.js";

const EXAMPLES = `
Examples:
  An adapter that sample-train or peft saved, into a checkpoint that runs by itself, here and in transformers:
    sample-generate merge --model DIR --adapter ADAPTER --output MERGED
    sample-generate generate --model MERGED --prompt "It was"

  In half the bytes of a float32 checkpoint, in files of at most 2 GB:
    sample-generate merge --model DIR --adapter ADAPTER --output MERGED --dtype bfloat16 --max-shard-size 2GB

Sums are made in float32 and rounded once. LoRA, rsLoRA and DoRA can be merged; a mixture of LoRA experts cannot, since what
it adds depends on the text. The folder gets config.json, generation_config.json, the weights, the license and the tokenizer:
the adapter's own tokenizer where ADAPTER has one, else the model's. An output folder that has files in it is refused. After
Ctrl-C nothing is left of a merge that was not done (exit code 130).`;

export function mergeCommand(): Command {
  return new Command("merge")
    .description("Merge an adapter into the weights, and save the model as a separate checkpoint.")
    .usage("--model <dir> --adapter <dir> --output <dir> [options]")
    .addOption(modelOption())
    .option("--adapter <dir>", "folder of the adapter: LoRA, rsLoRA or DoRA", someText)
    .option("--output <dir>", "folder for the checkpoint; new or empty", someText)
    .addOption(
      new Option("--dtype <name>", "dtype of the weights (default: each keeps that of the model's files)").choices(
        Object.keys(MERGE_DTYPES),
      ),
    )
    .option("--max-shard-size <size>", "maximum size of a file, such as 2GB or 500MB (default: 5GB)", fileSize)
    .addOption(engineOption())
    .addOption(threadsOption())
    .option("--json", "print one JSON object at the end")
    .addOption(ignoreOption())
    .addOption(checkOption())
    .addOption(debugOption())
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Partial<MergeFlags> & Pick<MergeFlags, "engine">) => {
      const checked = {
        ...flags,
        model: given(flags.model, "--model DIR"),
        adapter: given(flags.adapter, "--adapter DIR"),
        output: given(flags.output, "--output DIR"),
      };
      const { merge } = await import("../actions/merge.js");
      await merge(checked);
    });
}
