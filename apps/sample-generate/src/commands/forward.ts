/** `sample-generate forward`: its flags and its help. */

import {
  adapterOption,
  Command,
  checkOption,
  debugOption,
  engineOption,
  given,
  ignoreOption,
  modelOption,
  precisionOption,
  someText,
  taskOption,
  threadsOption,
} from "@mixtape/command-line";
import type { ForwardFlags } from "../actions/forward.js";

const EXAMPLES = `
Example:
  sample-generate forward --model DIR --inputs in.safetensors --outputs out.safetensors

  In Python, the inputs and the reference's answer to compare with:
    save_file({"input_ids": ids}, "in.safetensors")
    model(input_ids=ids, output_hidden_states=True, output_router_logits=True)

Inputs, I64 or I32, [batch, length]: input_ids; attention_mask, position_ids and labels where wanted.
Outputs, F32: logits; hidden_states.0 to hidden_states.N, the last after the final norm; router_logits.N for each layer
with experts; aux_loss where the family has one; loss with labels, the auxiliary loss included.

By the model's head, which architectures in config.json names, or --task:
  text-classification   labels: classes, I64, [batch], or numbers or flags, F32, [batch, labels]; logits [batch, labels]
  token-classification  labels: classes, I64, [batch, length], -100 for none; logits [batch, length, labels]
  question-answering    start_positions and end_positions, I64, [batch]; start_logits and end_logits [batch, length]
  feature-extraction    no labels; last_hidden_state [batch, length, width]
These have the loss of their labels alone, and no router logits, as in transformers.`;

export function forwardCommand(): Command {
  return new Command("forward")
    .description(
      "Run one forward pass from a file of inputs to a file of outputs, to compare with another implementation.",
    )
    .usage("--model <dir> --inputs <file> --outputs <file> [options]")
    .addOption(modelOption())
    .addOption(adapterOption())
    .addOption(taskOption("task of the model (default: by its config.json)"))
    .option("--inputs <file>", "safetensors to read", someText)
    .option("--outputs <file>", "safetensors to write", someText)
    .addOption(engineOption())
    .addOption(threadsOption())
    .addOption(precisionOption())
    .addOption(ignoreOption())
    .addOption(checkOption())
    .addOption(debugOption())
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Partial<ForwardFlags> & Pick<ForwardFlags, "engine">) => {
      const checked = {
        ...flags,
        model: given(flags.model, "--model DIR"),
        inputs: given(flags.inputs, "--inputs IN.safetensors"),
        outputs: given(flags.outputs, "--outputs OUT.safetensors"),
      };
      const { forward } = await import("../actions/forward.js");
      await forward(checked);
    });
}
