/** `sample-generate generate`: continues a prompt. */

import {
  bytes,
  colors,
  EXIT,
  Interrupt,
  note,
  outputTaken,
  plural,
  rate,
  seconds,
  table,
  UsageError,
} from "@mixtape/command-line";
import { aboutAdapter, type Loaded, load, loadTokenizerOf } from "@mixtape/command-line/load";
import { OPTION_ENTRIES } from "@mixtape/generation/options";
import {
  type EngineName,
  type ForCausalLM,
  generationConfigIssues,
  saveCache,
  type TextOptions,
} from "@mixtape/mixtape";
import { type ExpertsStrategy, expertsRuns } from "@mixtape/ops";
import type { Tokenizer } from "@mixtape/tokenizer";
import { logprobTable, type ShownLogprobs, shownLogprobs, shownPrompt } from "../logprob-table.js";
import { promptOf } from "../prompt.js";
import { checkPromptCache, openPromptCache } from "../prompt-cache.js";
import { type Written, write } from "../write.js";
import { DEFAULT_LENGTH, type GenerateFlags } from "./generate-flags.js";

/** Output of `--json`. */
interface GenerateResult {
  /** Folder, as given. */
  readonly model: string;
  /** Folder of the adapter, as given; null without an adapter. */
  readonly adapter: string | null;
  readonly modelType: string;
  readonly engine: EngineName;
  /** Strategies of the experts, joined by "+" if there were several; null for a model without experts. */
  readonly experts: string | null;
  readonly promptIds: readonly number[];
  /** New tokens, an end token included. */
  readonly ids: readonly number[];
  /** Null for a folder without a tokenizer. */
  readonly text: string | null;
  readonly finishReason: Written["finishReason"];
  /** Stop string that ended the text. */
  readonly stopReason?: string;
  /** With `--logprobs`: log-probability of each new token, and of the most likely ones. */
  readonly logprobs?: readonly ShownLogprobs[];
  /** With `--prompt-logprobs`: the same for the prompt's tokens, null for the first. */
  readonly promptLogprobs?: readonly (ShownLogprobs | null)[];
  /** With `--prompt-cache`: number of prompt tokens found in the file. */
  readonly cachedTokens?: number;
  readonly loadMs: number;
  readonly prefillTokensPerSecond: number;
  /** Null if a single token was generated: that one is part of the prefill. */
  readonly decodeTokensPerSecond: number | null;
  readonly peakRssBytes: number;
}

/** Log-probabilities in the result. */
type ShownTokens = Pick<GenerateResult, "logprobs" | "promptLogprobs">;

/**
 * Continues a prompt.
 * @returns the exit code
 */
export async function generate(flags: GenerateFlags): Promise<number> {
  using interrupt = new Interrupt();
  warnOfNoEffect(flags);
  checkPromptCache(flags.promptCache);
  const tokenizer = await loadTokenizerOf(flags.model, { optional: flags.promptIds !== undefined });
  if (flags.stop && !tokenizer) throw new UsageError(`--stop needs a tokenizer, and ${flags.model} has none`);
  const { ids: promptIds, notes } = await promptOf(flags, tokenizer, interrupt);
  for (const one of notes) note(one);
  const loaded = await load(flags, interrupt);
  const { promptCache, kvCacheDtype, ...ofText } = flags;
  const cache = promptCache === undefined ? undefined : await openPromptCache(loaded.model, promptCache, kvCacheDtype);
  const options = { ...optionsOf(cache ? ofText : flags, loaded.model), ...(cache && { cache }) };
  if (!tokenizer && loaded.model.generationConfig.stopStrings?.length)
    note("without a tokenizer, the model's stop strings cannot be seen");
  const before = expertsRuns();
  let shown = false;
  const showAfterPrompt = (text: string): void => {
    // Not before the first token: only then has the model accepted the prompt.
    if (!shown) showPrompt(promptIds, tokenizer);
    shown = true;
    show(text);
  };
  const writeAndKeep = async (): Promise<Written> => {
    const onText = flags.json ? () => {} : showAfterPrompt;
    const written = await write(loaded.model, tokenizer, promptIds, options, interrupt, onText);
    if (cache && promptCache !== undefined) await saveCache(loaded.model, cache, promptCache);
    return written;
  };
  const written = await writeAndKeep().catch((error: unknown) => {
    // Messages begin on a new line.
    if (shown) process.stderr.write("\n");
    throw error;
  });
  // A summary of a text that was not delivered would be wrong.
  await outputTaken();
  const shownTokens: ShownTokens = {
    ...(written.logprobs && { logprobs: shownLogprobs(written.logprobs, tokenizer) }),
    ...(written.promptLogprobs && { promptLogprobs: shownPrompt(written.promptLogprobs, tokenizer) }),
  };
  const result = resultOf(flags, loaded, promptIds, written, shownTokens, strategiesSince(before));
  if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else showSummary(result, loaded);
  return interrupt.came ? EXIT.interrupted : 0;
}

function optionsOf(flags: GenerateFlags, { generationConfig }: ForCausalLM): TextOptions {
  const issues = generationConfigIssues(generationConfig)?.issues ?? [];
  // A length that cannot be used is refused like any other value of the file, rather than replaced by the default.
  const hasLength = generationConfig.maxNewTokens ?? issues.some(({ field }) => field === "maxNewTokens");
  return {
    ...flaggedOptions(flags),
    maxNewTokens: flags.maxNewTokens ?? (hasLength ? undefined : DEFAULT_LENGTH),
    temperature: flags.temperature ?? 0,
    ...(flags.ignoreEos && { eosTokenId: null }),
  };
}

/** Returns the generation options among the flags. */
function flaggedOptions(flags: GenerateFlags): TextOptions {
  const names = OPTION_ENTRIES.filter(([name, { flag }]) => flag !== undefined && flags[name] !== undefined);
  return Object.fromEntries(names.map(([name]) => [name, flags[name]]));
}

/** Notes flags that only have an effect with sampling. */
function warnOfNoEffect(flags: GenerateFlags): void {
  if (flags.temperature) return;
  const given = OPTION_ENTRIES.flatMap(([name, { flag, samplingOnly }]) =>
    flag !== undefined && samplingOnly && name !== "temperature" && flags[name] !== undefined
      ? [flag.split(" ", 1)[0]!]
      : [],
  );
  if (given.length > 0)
    note(`without --temperature, ${given.join(" and ")} ${given.length > 1 ? "change" : "changes"} nothing`);
}

/** Returns the strategies of experts that have run since `before`. */
function strategiesSince(before: Readonly<Record<ExpertsStrategy, number>>): string | null {
  const ran = Object.entries(expertsRuns()).filter(([name, count]) => count > before[name as ExpertsStrategy]);
  return ran.length > 0 ? ran.map(([name]) => name).join("+") : null;
}

function resultOf(
  { model, adapter }: GenerateFlags,
  { engine, model: { config }, loadMs }: Loaded,
  promptIds: readonly number[],
  { ids, text, finishReason, stopReason, cachedTokens, prefillMs, decodeMs }: Written,
  shownTokens: ShownTokens,
  experts: string | null,
): GenerateResult {
  return {
    model,
    adapter: adapter ?? null,
    modelType: config.modelType,
    engine: engine.name,
    experts,
    promptIds,
    ids,
    text,
    finishReason,
    ...(stopReason !== undefined && { stopReason }),
    ...shownTokens,
    ...(cachedTokens !== undefined && { cachedTokens }),
    loadMs,
    prefillTokensPerSecond: (promptIds.length - (cachedTokens ?? 0)) / (prefillMs / 1000),
    decodeTokensPerSecond: ids.length > 1 ? (ids.length - 1) / (decodeMs / 1000) : null,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
}

function showPrompt(promptIds: readonly number[], tokenizer: Tokenizer | null): void {
  const text = tokenizer ? tokenizer.decode(promptIds) : `[${promptIds.join(", ")}]\n`;
  process.stderr.write(colors.dim(text));
}

function show(text: string): void {
  process.stdout.write(text);
}

function showSummary(result: GenerateResult, { engine, adapter }: Loaded): void {
  const { experts, ids, finishReason, loadMs, peakRssBytes } = result;
  process.stdout.write("\n");
  const prompt = result.promptLogprobs?.filter((one) => one !== null);
  for (const tokens of [prompt, result.logprobs])
    if (tokens && tokens.length > 0) process.stderr.write(`\n${logprobTable(tokens)}`);
  const rows = [
    ["engine", `${engine.name} (${engine.description})`],
    ...engine.passedOver.map(({ name, reason }) => ["not used", `${name}: ${reason}`] as const),
    ["experts", experts ?? "none"],
    ...(adapter ? ([["adapter", aboutAdapter(adapter)]] as const) : []),
    ["prefill", `${prefilled(result)}, ${rate(result.prefillTokensPerSecond)}`],
    ["decode", `${plural(ids.length, "token")}, ${rate(result.decodeTokensPerSecond)}, ended by ${ENDS[finishReason]}`],
    ["loading", seconds(loadMs)],
    ["memory", `${bytes(peakRssBytes)} at most`],
  ] as const;
  process.stderr.write(`\n${table(rows, colors.dim)}`);
}

function prefilled({ promptIds, cachedTokens }: GenerateResult): string {
  if (cachedTokens === undefined) return plural(promptIds.length, "token");
  return `${plural(promptIds.length - cachedTokens, "token")}, and ${cachedTokens} of the cache`;
}

const ENDS: Record<Written["finishReason"], string> = {
  eos: "the model",
  stop: "a stop string",
  length: "the limit of its length",
  interrupted: "Ctrl-C",
};
