/** `sample-generate quantize`: its flags and its help. */

import {
  Command,
  debugOption,
  engineOption,
  fileSize,
  given,
  ignoreOption,
  integer,
  modelOption,
  Option,
  precisionOption,
  someText,
  threadsOption,
} from "@mixtape/command-line";
import type { QuantizeFlags } from "../actions/quantize-flags.js";

const EXAMPLES = `
Examples:
  Experts in 4 bits, attention in 8; routers, norms, embeddings and head as they are:
    sample-generate quantize --model DIR --output DIR-int4
    sample-generate generate --model DIR-int4 --prompt "It was"

  Better in 4 bits: layer by layer, each column is rounded after the errors of the ones before it (GPTQ), on a text:
    sample-generate quantize --model DIR --output DIR-int4 --calibration text.txt

  Smaller, for this package alone: transformers does not read quantised embeddings.
    sample-generate quantize --model DIR --output DIR-int4 --embeddings int8

  By rules of your own, the first that names a module counts:
    sample-generate quantize --model DIR --output DIR-mixed --recipe recipe.json
    recipe.json: {"rules": [{"modules": ["gate", "router"], "weights": "none"},
                            {"modules": ["experts.*.down_proj"], "weights": "int8", "groupSize": 64},
                            {"modules": ["layers"], "weights": "int4"}]}

The result is in a format of compressed-tensors, which transformers loads: pack-quantized, or float-quantized for fp8, which has a
scale per row. Each group of values in a
row has a scale in bfloat16, the one of least squared error among several. One matrix is in memory at a time, and no engine
is needed; with a calibration, one layer, which runs on an engine. The folder gets config.json, generation_config.json, the weights, the license and the tokenizer. An output folder
that has files in it is refused. After Ctrl-C nothing is left (exit code 130).`;

export function quantizeCommand(): Command {
  return new Command("quantize")
    .description(
      "Quantise the weights to integers of 4 or 8 bits or floats of 8, and save the model as a separate checkpoint.",
    )
    .usage("--model <dir> --output <dir> [options]")
    .addOption(modelOption())
    .option("--output <dir>", "folder for the checkpoint; new or empty", someText)
    .addOption(
      new Option("--weights <format>", "format of experts and dense feed-forward layers (default: int4)").choices([
        "int4",
        "int8",
        "fp8",
      ]),
    )
    .option(
      "--group-size <n>",
      "values in a row that share a scale, or channel for one scale per row (default: 32)",
      (text: string) => (text === "channel" ? text : integer(1)(text)),
    )
    .addOption(
      new Option("--embeddings <format>", "format of embeddings and the head (default: none, as they are)").choices([
        "int8",
        "none",
      ]),
    )
    .option("--keep <module...>", "modules whose weights stay as they are, such as lm_head or layers.0")
    .option("--recipe <file>", "JSON file with rules: which modules get which format", someText)
    .option("--calibration <file>", "text file to calibrate matrices of 4 bits on (default: none)", someText)
    .option("--calibration-tokens <n>", "tokens of it (default: 32768)", integer(512))
    .addOption(engineOption())
    .addOption(threadsOption())
    .addOption(precisionOption())
    .option("--max-shard-size <size>", "maximum size of a file, such as 2GB or 500MB (default: 2GB)", fileSize)
    .option("--json", "print one JSON object at the end")
    .addOption(ignoreOption())
    .addOption(debugOption())
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Partial<QuantizeFlags>) => {
      const checked = {
        ...flags,
        engine: flags.engine ?? "auto",
        model: given(flags.model, "--model DIR"),
        output: given(flags.output, "--output DIR"),
      };
      const { quantize } = await import("../actions/quantize.js");
      await quantize(checked);
    });
}
