import { readFileSync } from "node:fs";
import {
  Command,
  chatTemplateOption,
  checkOption,
  debugOption,
  engineOption,
  given,
  ignoreOption,
  integer,
  modelOption,
  number,
  Option,
  precisionOption,
  prepared,
  RenamedFlag,
  someText,
  taskOption,
  threadsOption,
  UsageError,
} from "@mixtape/command-line";
import { type Flags, METHODS } from "./flags.js";

const EXAMPLES = `
Data: a .txt file is one text, which is cut into rows of --max-length tokens. A .jsonl file has a row on each line, a .json file a
list of them, in the formats of trl and transformers:
  {"text": "…"}                            every token is labelled
  {"prompt": "…", "completion": "…"}       the completion is labelled; both may be lists of messages
  {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}
                                           assistant messages are labelled; the tokenizer's chat template is used, with
                                           "tools", "documents" and "chat_template_kwargs" of the row

With --task, rows have labels instead of text to generate, and the model gets a head:
  text-classification    {"text": "…", "label": "good"}, a name or number of a class, or 4.5, a number to predict;
                         {"text": "…", "labels": ["a", "b"]} for several at once
  token-classification   {"tokens": ["Ann", "was", "late"], "labels": ["PER", "O", "O"]}; also "tags" or "ner_tags"
  question-answering     {"question": "…", "context": "…", "answers": {"text": ["…"], "answer_start": [17]}}, as SQuAD

Examples:
  Show the labelled tokens:
    sample-train --model DIR --data chats.jsonl --show-data 3

  Teach a model a manner of writing by LoRA, and see it:
    sample-train --model models/sample-afmoe --data notes.txt --output out
    sample-generate generate --model models/sample-afmoe --adapter out --prompt "It was"

  A mixture of LoRA experts, with texts held out:
    sample-train --model DIR --data train.jsonl --eval held-out.jsonl --method mixlora --rank 4 --epochs 3 --output out

  Texts held out during the run: what had the lowest loss on them is saved, and the run ends when it no longer falls:
    sample-train --model DIR --data train.jsonl --eval held-out.jsonl --eval-every 20 --keep-best --patience 3 --output out

  A classifier of texts by LoRA, with texts held out, and what it says of a text:
    sample-train --model DIR --task text-classification --data train.jsonl --eval held-out.jsonl --output out
    sample-generate classify --model DIR --adapter out --text "A fine day!"

  All weights of the model:
    sample-train --model DIR --data train.jsonl --method full --learning-rate 5e-5 --output out

  Several adapters at once, each with its own texts; the model runs once for all. FILE.json has MoE-PEFT's keys:
    {"cutoff_len": 256, "lora": [
      {"name": "one", "data": "one.jsonl", "lr": 2e-4, "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]},
      {"name": "two", "data": "two.jsonl", "routing_strategy": "mola", "r": 4, "target_modules": ["o_proj"]}]}
    sample-train --model DIR --adapters FILE.json --output out

Ctrl-C saves the run and its result, the best one with --keep-best (exit code 130). To resume it with the same losses, or for longer:
    sample-train --resume --output out
    sample-train --resume --output out --steps 500`;

/**
 * Creates the command line.
 * @param end receives the exit code of the run
 */
export function makeProgram(end: (exitCode: number) => void): Command {
  const program = new Command("sample-train")
    .description("Train a Mixture-of-Experts language model, or adapters on it.")
    .usage("--model <dir> --data <file> --output <dir> [options]")
    .optionsGroup("Model, texts and run:")
    .addOption(modelOption())
    .addOption(taskOption("task to train the model for (default: text-generation)", ["feature-extraction"]))
    .option("--data <file>", "training texts: .txt, .jsonl or .json, see below", someText)
    .option("--ignore-keys <key...>", "keys of rows to ignore; other unknown keys are errors", addText)
    .addOption(chatTemplateOption())
    .option("--show-data <n>", "print the first texts with the tokens of the loss marked, without training", integer(1))
    .option("--eval <file>", "held-out texts: their loss is reported before and after training", someText)
    .option("--eval-every <n>", "evaluate them during training too, every n steps and at the end", integer(1))
    .option("--keep-best", "save the parameters with the lowest held-out loss instead of the last; with --eval-every")
    .option(
      "--patience <n>",
      "end the run after n evaluations without a new lowest loss; with --eval-every",
      integer(1),
    )
    .option("--output <dir>", "output folder for the result and the run; for this run only", someText)
    .option("--resume", "resume the run in --output; --steps or --epochs may make it longer, no other flag may differ")
    .option("--restart", "start over in --output: the existing run and its result are removed")
    .option("--save-every <n>", "steps between two saves of the run (default: 50)", integer(1))
    .optionsGroup("Trainable parameters:")
    .addOption(new Option("--method <name>", "training method (default: lora)").choices(Object.keys(METHODS)))
    .option("--adapters <file>", "a JSON file of adapters to train at once, instead of --method", someText)
    .option("--rank <r>", "rank of the adapter (default: 8)", integer(1))
    .option("--alpha <a>", "LoRA alpha: the update is scaled by alpha / rank (default: twice the rank)", aboveZero)
    .option("--dropout <p>", "dropout probability of the adapter's inputs (default: 0)", shareBelowOne)
    .addOption(new RenamedFlag("--target <name...>", "targetModules", TARGET).argParser(addText))
    .option(
      "--resize-embeddings",
      "add embeddings for the tokenizer's new tokens, and train them (full, lora, rslora, dora)",
    )
    .option(
      "--base-name <name>",
      "base model name in the adapter's config, such as owner/name (default: its folder)",
      someText,
    )
    .option("--num-experts <n>", "number of LoRA experts of a mixture (default: 8)", integer(2))
    .optionsGroup("Duration and batches:")
    .option("--steps <n>", "number of steps (default: those of the epochs)", integer(1))
    .option("--epochs <n>", "number of epochs (default: 1)", aboveZero)
    .option("--batch-size <n>", "rows per batch (default: 8)", integer(1))
    .option("--accumulate <n>", "gradient accumulation: batches per step (default: 1)", integer(1))
    .option(
      "--max-length <n>",
      "maximum tokens per row: longer texts become several rows, longer chats are truncated (default: 256)",
      integer(2),
    )
    .option("--pack", "pack several short texts into a row, with separate attention (full, lora, rslora, dora)")
    .option("--gradient-checkpointing", "recompute layers in the backward pass: less memory, more time")
    .option("--seed <s>", "seed of the order of texts, dropout and initial values (default: 0)", seed)
    .optionsGroup("Optimiser:")
    .option("--learning-rate <x>", "step size of AdamW (default: 2e-4, full 5e-5)", aboveZero)
    .addOption(new Option("--schedule <name>", "learning-rate schedule (default: cosine)").choices(SCHEDULES))
    .option("--warmup-steps <n>", "warm-up steps of the learning rate (default: 3 % of the steps)", integer(0))
    .option("--weight-decay <x>", "decoupled weight decay, times the learning rate (default: 0.01)", atLeastZero)
    .option("--max-grad-norm <x>", "clip the global gradient norm to this value (default: 1)", aboveZero)
    .option("--lora-plus-ratio <x>", "learning-rate ratio of lora_B, as in LoRA+ (default: 1)", aboveZero)
    .optionsGroup("Routers of the model, with --method full:")
    .option("--aux-loss-coef <x>", "load-balancing loss coefficient (default: the model's)", atLeastZero)
    .option("--z-loss-coef <x>", "router z-loss coefficient (default: 0)", atLeastZero)
    .option("--expert-bias-rate <x>", "step size of AFMoE's balancing biases (default: 0)", atLeastZero)
    .optionsGroup("Engine:")
    .addOption(engineOption())
    .addOption(threadsOption())
    .addOption(precisionOption())
    .optionsGroup("Other:")
    .option("--json", "print one JSON object at the end")
    .addOption(ignoreOption())
    .addOption(checkOption())
    .addOption(debugOption())
    .version(version())
    .helpOption("-h, --help", "show this")
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Partial<Flags> & Pick<Flags, "engine">) => {
      const isShown = flags.showData !== undefined;
      const output = isShown ? "" : given(flags.output, "--output DIR");
      if (flags.resume && flags.restart) throw new UsageError("expected --resume or --restart, got both");
      const isNew = !flags.resume || isShown;
      if (isNew) given(flags.model, "--model DIR");
      if (isNew && flags.data === undefined && flags.adapters === undefined)
        throw new UsageError("expected --data FILE.jsonl or FILE.txt");
      // Engines take a while to load; help and mistyped flags need not wait for it.
      const { train } = await import("./train.js");
      end(await train({ ...flags, output }));
    });
  return prepared(program);
}

const TARGET = "target modules, by the suffixes of their names, or all-linear";
const SCHEDULES = ["constant", "linear", "cosine"];
const atLeastZero = number((value) => value >= 0, "a number of at least 0");
const aboveZero = number((value) => value > 0, "a number above 0");
const shareBelowOne = number((value) => value >= 0 && value < 1, "a number from 0 to below 1");
const seed = number(
  (value) => Number.isInteger(value) && value >= 0 && value < 2 ** 20,
  "a whole number below 1048576",
);
const addText = (text: string, before: readonly string[] = []): string[] => [...before, someText(text)];

function version(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
