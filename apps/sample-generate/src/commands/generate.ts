/** `sample-generate generate` */

import type { CausalLM, EngineName, TextOptions } from "@mixtape/mixtape";
import { type ExpertsStrategy, expertsRuns } from "@mixtape/ops";
import type { Tokenizer } from "@mixtape/tokenizer";
import { Command } from "commander";
import { colors } from "../colors.js";
import { EXIT, InterruptedError } from "../failure.js";
import { checkOption, debugOption, engineOption, given, modelOption } from "../flags.js";
import { bytes, plural, rate, seconds, table } from "../format.js";
import { Interrupt } from "../interrupt.js";
import { type Loaded, type LoadFlags, load, loadTokenizerOf } from "../load.js";
import { checkPrompt, type PromptFlags, promptIdsOf } from "../prompt.js";
import { forTerminal } from "../streams.js";
import { ids, integer, number, someText } from "../values.js";
import { type Written, write } from "../write.js";

interface GenerateFlags extends PromptFlags, LoadFlags {
  readonly maxNewTokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly ignoreEos?: boolean;
  readonly json?: boolean;
}

/** What `--json` prints. */
interface GenerateResult {
  /** The folder, as given. */
  readonly model: string;
  readonly modelType: string;
  readonly engine: EngineName;
  /** The strategies that the experts ran by, joined by "+" where it was more than one; null for a model without experts. */
  readonly experts: string | null;
  readonly promptIds: readonly number[];
  /** The new tokens, an end token included. */
  readonly ids: readonly number[];
  /** Null for a folder without tokenizer. */
  readonly text: string | null;
  readonly finishReason: Written["finishReason"];
  readonly loadMs: number;
  readonly prefillTokensPerSecond: number;
  /** Null where a single token was written: that one comes with the prompt. */
  readonly decodeTokensPerSecond: number | null;
  readonly peakRssBytes: number;
}

const EXAMPLES = `
Examples:
  Continue a text with the likeliest tokens:
    sample-generate generate --model models/sample-afmoe --prompt "It was a fine morning, and"

  Draw tokens by their probability. The same seed gives the same text, on any engine:
    sample-generate generate --model DIR --prompt "It was" --temperature 0.8 --top-p 0.95 --seed 7

  Answer a chat. FILE.json holds [{ "role": "user", "content": "Who are you?" }]:
    sample-generate generate --model DIR --chat FILE.json --stop "User:" --stop $'\\n\\n'

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
    .option("--prompt <text>", "the text to continue")
    .option("--prompt-ids <ids>", "the tokens to continue, such as 5,6,7", ids)
    .option("--chat <file>", "a JSON file with messages to answer")
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
    .option("--json", "print one JSON object at the end instead of the text")
    .addOption(checkOption())
    .addOption(debugOption())
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Partial<GenerateFlags> & Pick<GenerateFlags, "engine">) =>
      end(await generate({ ...flags, model: given(flags.model, "--model DIR") })),
    );
}

const DEFAULT_LENGTH = 128;
const atLeastZero = number((value) => value >= 0, "a number of at least 0");
const aboveZero = number((value) => value > 0, "a number above 0");
const share = number((value) => value > 0 && value <= 1, "a number above 0 and at most 1");
const shareOrNone = number((value) => value >= 0 && value <= 1, "a number from 0 to 1");
const addText = (text: string, before: readonly string[] = []): string[] => [...before, someText(text)];

async function generate(flags: GenerateFlags): Promise<number> {
  checkPrompt(flags);
  warnOfNoEffect(flags);
  using interrupt = new Interrupt();
  const needsText = flags.promptIds === undefined || flags.stop !== undefined;
  const tokenizer = await loadTokenizerOf(flags.model, { optional: !needsText });
  const promptIds = await promptIdsOf(flags, tokenizer);
  const loaded = await load(flags, interrupt);
  const options = optionsOf(flags, loaded.model);
  const before = expertsRuns();
  if (!flags.json) showPrompt(promptIds, tokenizer);
  const written = await write(loaded.model, tokenizer, promptIds, options, interrupt, flags.json ? () => {} : show);
  if (written.ids.length === 0) throw new InterruptedError();
  const result = resultOf(flags, loaded, promptIds, written, strategiesSince(before));
  if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else showSummary(result, loaded);
  return interrupt.came ? EXIT.interrupted : 0;
}

function optionsOf(flags: GenerateFlags, { generationConfig }: CausalLM): TextOptions {
  const { maxNewTokens, temperature = 0, topK, topP, minP, repetitionPenalty, seed, stop, ignoreEos } = flags;
  return {
    maxNewTokens: maxNewTokens ?? generationConfig.maxNewTokens ?? DEFAULT_LENGTH,
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    seed,
    stop,
    ...(ignoreEos && { eosTokenId: null }),
  };
}

/** Flags that only count when tokens are drawn by chance. */
function warnOfNoEffect({ temperature, topK, topP, minP, seed }: GenerateFlags): void {
  if (temperature) return;
  const idle = Object.entries({ "--top-k": topK, "--top-p": topP, "--min-p": minP, "--seed": seed });
  const given = idle.filter(([, value]) => value !== undefined).map(([name]) => name);
  if (given.length > 0)
    process.stderr.write(`${colors.yellow("note:")} without --temperature, ${given.join(" and ")} changes nothing\n`);
}

/** The strategies by which experts have run since `before`. */
function strategiesSince(before: Readonly<Record<ExpertsStrategy, number>>): string | null {
  const ran = Object.entries(expertsRuns()).filter(([name, count]) => count > before[name as ExpertsStrategy]);
  return ran.length > 0 ? ran.map(([name]) => name).join("+") : null;
}

function resultOf(
  { model }: GenerateFlags,
  { engine, model: { config }, loadMs }: Loaded,
  promptIds: readonly number[],
  { ids, text, finishReason, prefillMs, decodeMs }: Written,
  experts: string | null,
): GenerateResult {
  return {
    model,
    modelType: config.modelType,
    engine: engine.name,
    experts,
    promptIds,
    ids,
    text,
    finishReason,
    loadMs,
    prefillTokensPerSecond: promptIds.length / (prefillMs / 1000),
    decodeTokensPerSecond: ids.length > 1 ? (ids.length - 1) / (decodeMs / 1000) : null,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
}

function showPrompt(promptIds: readonly number[], tokenizer: Tokenizer | null): void {
  const text = tokenizer ? forTerminal(tokenizer.decode(promptIds)) : `[${promptIds.join(", ")}]\n`;
  process.stderr.write(colors.dim(text));
}

function show(text: string): void {
  process.stdout.write(process.stdout.isTTY ? forTerminal(text) : text);
}

function showSummary(result: GenerateResult, { engine }: Loaded): void {
  const { experts, promptIds, ids, finishReason, loadMs, peakRssBytes } = result;
  process.stdout.write("\n");
  const rows = [
    ["engine", `${engine.name} (${engine.description})`],
    ...engine.passedOver.map(({ name, reason }) => ["not used", `${name}: ${reason}`] as const),
    ["experts", experts ?? "none"],
    ["prompt", `${plural(promptIds.length, "token")}, ${rate(result.prefillTokensPerSecond)}`],
    ["text", `${plural(ids.length, "token")}, ${rate(result.decodeTokensPerSecond)}, ended by ${ENDS[finishReason]}`],
    ["loading", seconds(loadMs)],
    ["memory", `${bytes(peakRssBytes)} at most`],
  ] as const;
  process.stderr.write(`\n${table(rows, colors.dim)}`);
}

const ENDS: Record<Written["finishReason"], string> = {
  eos: "the model",
  stop: "a stop string",
  length: "the limit of its length",
  interrupted: "Ctrl-C",
};
