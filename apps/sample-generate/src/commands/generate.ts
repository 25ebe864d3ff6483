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
  integer,
  modelOption,
  number,
  precisionOption,
  someText,
  threadsOption,
} from "@mixtape/command-line";
import { DEFAULT_LENGTH, type GenerateFlags } from "../actions/generate-flags.js";
import { checkPrompt } from "../prompt.js";

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

  Token ids in, JSON out, for a script; this needs no tokenizer:
    sample-generate generate --model DIR --prompt-ids 5,6,7 --max-new-tokens 64 --json

The text goes to standard output, everything else to standard error. What is left out is as generation_config.json says,
but tokens are drawn only with --temperature. Ctrl-C ends the text where it is (exit code 130).`;

/** @param end is told the exit code */
export function generateCommand(end: (exitCode: number) => void): Command {
  return new Command("generate")
    .description("Continue a prompt, and stream the text.")
    .usage("--model <dir> (--prompt <text> | --prompt-ids <ids> | --chat <file>) [options]")
    .addOption(modelOption())
    .addOption(adapterOption())
    .option("--prompt <text>", "the text to continue")
    .option("--prompt-ids <ids>", "the tokens to continue, such as 5,6,7", ids)
    .option("--chat <file>", "a JSON file with a chat to answer, see below; - reads standard input", someText)
    .addOption(chatTemplateOption())
    .option(
      "--max-new-tokens <n>",
      `how many tokens to write at most (default: the model's, or ${DEFAULT_LENGTH})`,
      integer(1),
    )
    .option(
      "--temperature <t>",
      "draw tokens by their probability; below 1 likely ones more often (default: greedy)",
      atLeastZero,
    )
    .option("--top-k <k>", "draw among the k likeliest tokens; 0 for all (default: the model's, or 50)", integer(0))
    .option("--top-p <p>", "draw among the likeliest tokens that make up this share of the probability", share)
    .option(
      "--min-p <m>",
      "leave out tokens less likely than this share of the likeliest one's probability",
      shareOrNone,
    )
    .option("--repetition-penalty <r>", "above 1 makes tokens that have occurred less likely", aboveZero)
    .option(
      "--seed <s>",
      "what chance depends on (default: another each time)",
      number(Number.isSafeInteger, "a whole number"),
    )
    .option("--stop <text...>", "end the text where one of these comes; they are no part of it", addText)
    .option("--ignore-eos", "go on after the token that ends a text")
    .addOption(engineOption())
    .addOption(threadsOption())
    .addOption(precisionOption())
    .option("--json", "print one JSON object at the end instead of the text")
    .addOption(ignoreOption())
    .addOption(checkOption())
    .addOption(debugOption())
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Partial<GenerateFlags> & Pick<GenerateFlags, "engine">) => {
      const checked = { ...flags, model: given(flags.model, "--model DIR") };
      checkPrompt(checked);
      // What computes takes a while to load; help and mistyped flags need not wait for it.
      const { generate } = await import("../actions/generate.js");
      end(await generate(checked));
    });
}

const atLeastZero = number((value) => value >= 0, "a number of at least 0");
const aboveZero = number((value) => value > 0, "a number above 0");
const share = number((value) => value > 0 && value <= 1, "a number above 0 and at most 1");
const shareOrNone = number((value) => value >= 0 && value <= 1, "a number from 0 to 1");
const addText = (text: string, before: readonly string[] = []): string[] => [...before, someText(text)];
