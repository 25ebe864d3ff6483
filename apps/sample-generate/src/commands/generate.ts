/** `sample-generate generate`: its flags and its help. */

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
  memoryOption,
  modelOption,
  precisionOption,
  RenamedFlag,
  someText,
  threadsOption,
} from "@mixtape/command-line";
import { DEFAULT_LENGTH, type GenerateFlags } from "../actions/generate-flags.js";
import { checkPrompt } from "../prompt.js";
import { generationFlags } from "./generation-flags.js";

const EXAMPLES = `
Examples:
  Continue a text with the likeliest tokens:
    sample-generate generate --model models/sample-afmoe --prompt "It was a fine morning, and"

  Draw tokens by their probability. The same seed gives the same text, on any engine (on native with --precision float32):
    sample-generate generate --model DIR --prompt "It was" --temperature 0.8 --top-p 0.95 --seed 7

  Answer a chat. FILE.json holds [{ "role": "user", "content": "Who are you?" }]:
    sample-generate generate --model DIR --chat FILE.json --stop "User:" --stop $'\\n\\n'

  The same with functions to call. FILE.json holds a row of a training file, which may have "documents" and
  "chat_template_kwargs" too:
    { "messages": [{ "role": "user", "content": "Rain in Bern?" }],
      "tools": [{ "type": "function", "function": { "name": "weather", "parameters": { "type": "object" } } }] }

  A chat from another program, by another template than the tokenizer's:
    echo '[{ "role": "user", "content": "Hi" }]' | sample-generate generate --model DIR --chat - --chat-template FILE.jinja

  Show the log-probability of each token, and the 3 likeliest:
    sample-generate generate --model DIR --prompt "It was" --logprobs 3

  Ask several things about one long text, which is read once; a chat goes on in the same way:
    sample-generate generate --model DIR --prompt "$(cat manual.txt)" --max-new-tokens 1 --prompt-cache manual.cache
    sample-generate generate --model DIR --prompt "$(cat manual.txt) In short:" --prompt-cache manual.cache

  Token ids in, JSON out, for a script; this needs no tokenizer:
    sample-generate generate --model DIR --prompt-ids 5,6,7 --max-new-tokens 64 --json

The text goes to standard output, everything else to standard error. An option that is left out is as in
generation_config.json, except that tokens are sampled only with --temperature. Ctrl-C ends the text where it is (exit code 130).`;

/** Defaults of the command line that replace the model's or those of transformers. */
const DEFAULTS = { maxNewTokens: `the model's, or ${DEFAULT_LENGTH}`, temperature: "greedy" };

/** @param end called with the exit code */
export function generateCommand(end: (exitCode: number) => void): Command {
  const command = new Command("generate")
    .description("Continue a prompt, and stream the text.")
    .usage("--model <dir> (--prompt <text> | --prompt-ids <ids> | --chat <file>) [options]")
    .addOption(modelOption())
    .addOption(adapterOption())
    .option("--prompt <text>", "the text to continue")
    .option("--prompt-ids <ids>", "the tokens to continue, such as 5,6,7", ids)
    .option("--chat <file>", "a JSON file with a chat to answer, see below; - reads standard input", someText)
    .addOption(chatTemplateOption());
  for (const option of generationFlags(DEFAULTS)) command.addOption(option);
  return command
    .addOption(new RenamedFlag("--ignore-eos", "eosTokenId", "continue after an end-of-text token"))
    .option(
      "--prompt-cache <file>",
      "reuse the computation of an earlier run on the same text, and save it in the file",
      someText,
    )
    .addOption(engineOption())
    .addOption(threadsOption())
    .addOption(precisionOption())
    .addOption(memoryOption())
    .option("--json", "print one JSON object at the end instead of the text")
    .addOption(ignoreOption())
    .addOption(checkOption())
    .addOption(debugOption())
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Partial<GenerateFlags> & Pick<GenerateFlags, "engine">) => {
      const checked = { ...flags, model: given(flags.model, "--model DIR") };
      checkPrompt(checked);
      // Engines take a while to load; help and mistyped flags need not wait for it.
      const { generate } = await import("../actions/generate.js");
      end(await generate(checked));
    });
}
