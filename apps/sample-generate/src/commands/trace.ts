/** `sample-generate trace`: its flags and its help. */

import {
  adapterOption,
  Command,
  chatTemplateOption,
  checkOption,
  debugOption,
  engineOption,
  given,
  ids,
  ignoreOption,
  integer,
  modelOption,
  precisionOption,
  someText,
  threadsOption,
} from "@mixtape/command-line";
import type { TraceFlags } from "../actions/trace.js";
import { checkPrompt } from "../prompt.js";

const EXAMPLES = `
Examples:
  Which experts a text goes to, as a heat map, a file and a page:
    sample-generate trace --model models/sample-afmoe --prompt "It was a fine morning, and" --outputs trace.safetensors --html trace.html

  In Python:
    load_file("trace.safetensors")["routed_experts"]  # int16 [tokens, layers, k], as vLLM's routed_experts

Outputs: routed_experts, I16, [tokens, layers, k], -1 where a slot is not used and in layers without experts; token_ids,
I64, [tokens]. The tokens are the prompt's and the new ones but the last, which never goes through the model.`;

/** @param end receives the exit code */
export function traceCommand(end: (exitCode: number) => void): Command {
  return new Command("trace")
    .description("Continue a prompt, and write the experts of each token.")
    .usage("--model <dir> (--prompt <text> | --prompt-ids <ids> | --chat <file>) --outputs <file> [options]")
    .addOption(modelOption())
    .addOption(adapterOption())
    .option("--prompt <text>", "the text to continue")
    .option("--prompt-ids <ids>", "the tokens to continue, such as 5,6,7", ids)
    .option("--chat <file>", "a JSON file with a chat to answer; - reads standard input", someText)
    .addOption(chatTemplateOption())
    .option("--max-new-tokens <n>", "maximum number of new tokens, with greedy decoding (default: 32)", integer(1))
    .option("--outputs <file>", "safetensors to write", someText)
    .option("--html <file>", "a page to write, with a heat map and the experts of each token", someText)
    .addOption(engineOption())
    .addOption(threadsOption())
    .addOption(precisionOption())
    .option("--json", "print one JSON object instead of the heat map")
    .addOption(ignoreOption())
    .addOption(checkOption())
    .addOption(debugOption())
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Partial<TraceFlags> & Pick<TraceFlags, "engine">) => {
      const checked = {
        ...flags,
        model: given(flags.model, "--model DIR"),
        outputs: given(flags.outputs, "--outputs OUT.safetensors"),
      };
      checkPrompt(checked);
      const { trace } = await import("../actions/trace.js");
      end(await trace(checked));
    });
}
