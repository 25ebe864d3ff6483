/** `sample-generate classify`: its flags and its help. */

import {
  adapterOption,
  Command,
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
  UsageError,
} from "@mixtape/command-line";
import type { ClassifyFlags } from "../actions/classify.js";

const EXAMPLES = `
Examples:
  The label of each text, with its probability:
    sample-generate classify --model DIR --text "A fine day!" "What a mess."

  A text in each line of a file, or of standard input, and all labels as JSON:
    sample-generate classify --model DIR --file reviews.txt --json

  With an adapter that sample-train --task text-classification or peft trained, on its base model:
    sample-generate classify --model BASE --adapter ADAPTER --text "A fine day!"

  The answer to a question in a text, for a model that answers questions:
    sample-generate classify --model DIR --question "Who was late?" --text "It rained, and Ann was late."

The model's head, by architectures in config.json or the adapter's task_type, says what is done: labels of a text, labels of its
tokens, or an answer in it. Labels have the names of id2label.`;

export function classifyCommand(): Command {
  return new Command("classify")
    .description("Classify texts or their tokens, or find answers in them.")
    .usage("--model <dir> (--text <text...> | --file <file> | --prompt-ids <ids>) [options]")
    .addOption(modelOption())
    .addOption(adapterOption())
    .option("--text <text...>", "texts to classify", addText)
    .option("--file <file>", "a file with a text in each line; - reads standard input", someText)
    .option("--prompt-ids <ids>", "a text as token ids, such as 5,6,7", ids)
    .option("--question <text>", "question to answer from the texts", someText)
    .option("--top <n>", "number of labels, or of answers, to show for each text (default: 1)", integer(1))
    .addOption(engineOption())
    .addOption(threadsOption())
    .addOption(precisionOption())
    .option("--json", "print one JSON object, with all labels")
    .addOption(ignoreOption())
    .addOption(checkOption())
    .addOption(debugOption())
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Partial<ClassifyFlags> & Pick<ClassifyFlags, "engine">) => {
      const checked = { ...flags, model: given(flags.model, "--model DIR") };
      const texts = [flags.text, flags.file, flags.promptIds].filter((one) => one !== undefined).length;
      if (texts !== 1)
        throw new UsageError(
          `expected ${texts === 0 ? "texts" : "texts from one place"}: --text TEXT, --file FILE or --prompt-ids 5,6,7`,
        );
      const { classify } = await import("../actions/classify.js");
      await classify(checked);
    });
}

const addText = (text: string, before: readonly string[] = []): string[] => [...before, someText(text)];
