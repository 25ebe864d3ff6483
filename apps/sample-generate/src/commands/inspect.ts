/** `sample-generate inspect`: its flags and its help. */

import {
  Command,
  debugOption,
  engineOption,
  given,
  ignoreOption,
  memoryOption,
  modelOption,
  precisionOption,
  threadsOption,
} from "@mixtape/command-line";
import type { InspectFlags } from "../actions/inspect.js";

const EXAMPLES = `
Examples:
  sample-generate inspect --model models/sample-afmoe
  sample-generate inspect --model DIR --engine wasm --json

Only config.json and the headers of the safetensors are read, so it answers at once for models of any size.`;

export function inspectCommand(): Command {
  return new Command("inspect")
    .description("Describe a checkpoint, its requirements, and whether it fits, without loading it.")
    .usage("--model <dir> [options]")
    .addOption(modelOption())
    .addOption(engineOption())
    .addOption(threadsOption())
    .addOption(precisionOption())
    .addOption(memoryOption())
    .option("--json", "print one JSON object")
    .addOption(ignoreOption())
    .addOption(debugOption())
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Partial<InspectFlags> & Pick<InspectFlags, "engine">) => {
      const checked = { ...flags, model: given(flags.model, "--model DIR") };
      const { inspect } = await import("../actions/inspect.js");
      await inspect(checked);
    });
}
