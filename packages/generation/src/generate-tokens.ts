import { type GenerationConfig, generationConfigIssues } from "@mixtape/config";
import type { CausalLMInputs, ForCausalLM } from "@mixtape/decoder";
import type { Cache } from "@mixtape/layers";
import { runDeferred } from "@mixtape/ops";
import { pauses } from "./event-loop.js";
import { GenerationError } from "./generation-error.js";
import {
  checkKept,
  disposeIfChanged,
  type Remaining,
  takeUp,
  unchangedSince,
  undoPass,
  usingCache,
} from "./kept-cache.js";
import { promptLogprobsOf } from "./logprobs.js";
import type { GenerationOptions, ResolvedOptions } from "./options/generation-options.js";
import { checkModel, checkTokenOptions, resolveOptions } from "./options/resolve-options.js";
import { joinPositions, passesOf } from "./prompt-passes.js";
import { checkPrompts, type PromptBatch, padPrompts } from "./prompts.js";
import { type GeneratedToken, GenerationRow, type RowText } from "./rows/generation-row.js";

/**
 * Continues prompts, token by token: all rows take one step, then the next. The model reads each prompt once and then one token a
 * step. Breaking out of the loop, an error and an abort free everything.
 *
 * The model must stay as it is until then, weights and adapters: its steps may be captured and replayed (`captureGraph` of its
 * `forward`). Other models, and other texts of this one, may run in between.
 *
 * ```ts
 * for await (const { id } of generateTokens(model, [[1, 2, 3]], { maxNewTokens: 10 })) console.log(id);
 * ```
 *
 * @param prompts token ids; rows may differ in length
 * @throws {OptionError} for an unknown option
 * @throws {GenerationError} for empty or too long prompts, options out of range, logits that are not numbers, and a processor,
 * sampler or stopping criterion that fails, and a `cache` that somebody else changes meanwhile
 * @throws {DecoderError} for ids outside the vocabulary
 */
export async function* generateTokens(
  model: ForCausalLM,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions = {},
): AsyncGenerator<GeneratedToken, void, undefined> {
  checkTokenOptions("generateTokens", options);
  yield* generateRows(model, prompts, options);
}

/**
 * Does the work of {@link generateTokens} for options that were checked.
 * @param texts the text of each row, for stop strings and for criteria that look at it
 */
export async function* generateRows(
  model: ForCausalLM,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions,
  texts?: readonly RowText[],
): AsyncGenerator<GeneratedToken, void, undefined> {
  checkModel(model);
  checkHead(model);
  checkPrompts(prompts);
  const resolved = resolveOptions(options, model);
  const rows = prompts.map((prompt, row) => new GenerationRow(row, prompt, resolved, texts?.[row]));
  const defaults = options.defaults ?? model.generationConfig;
  const batch = padPrompts(prompts, model.config, resolved.padTokenId, nameOfPad(options, defaults));
  checkRoom(prompts, resolved, generationConfigIssues(defaults)?.file);
  const decoding: Decoding = { model, rows, resolved, signal: options.signal, routing: options.routing ?? undefined };
  const kept = options.cache ?? undefined;
  if (kept) {
    checkPromptLogprobs(resolved);
    checkDtype(options);
    checkKept(model, kept, prompts);
    yield* usingCache(kept, () => decode(decoding, { ...takeUp(kept, prompts, resolved.padTokenId), cache: kept }));
    return;
  }
  const cache = model.createCache({ kvCacheDtype: resolved.kvCacheDtype });
  try {
    yield* decode(decoding, { batch, cache });
  } finally {
    cache.dispose();
  }
}

/** @throws {GenerationError} for a model with another head, whose logits are no next tokens */
function checkHead(model: object): void {
  if (!("architecture" in model) || "lmHead" in model) return;
  throw new GenerationError({
    where: "model",
    expected: "a causal language model",
    got: String(model.architecture),
    fix: {
      option: "task",
      value: "text-generation",
      text: (option) => `Load a checkpoint that has such a head, with ${option}`,
    },
  });
}

interface Decoding {
  readonly model: ForCausalLM;
  readonly rows: readonly GenerationRow[];
  readonly resolved: ResolvedOptions;
  readonly signal: AbortSignal | undefined;
  readonly routing: CausalLMInputs["routing"];
}

/** Runs the prompts, and then one token of each row a step until all rows have ended. */
async function* decode(
  { model, rows, resolved, signal, routing }: Decoding,
  { batch, cache, cachedTokens }: Partial<Remaining> & { readonly batch: PromptBatch; readonly cache: Cache },
): AsyncGenerator<GeneratedToken, void, undefined> {
  const pause = pauses();
  let checkCache: (() => void) | undefined;
  const pass = async (inputs: CausalLMInputs, positions = 1): Promise<Float32Array> => {
    signal?.throwIfAborted();
    checkCache?.();
    const before = cache.length;
    const pending = nextLogits(model, { ...inputs, cache, routing }, { positions, signal });
    // Others have the cache of a caller in hand from here on.
    if (cachedTokens) checkCache = unchangedSince(cache);
    const logits = await pending.catch((error: unknown) => {
      if (cachedTokens) undoPass(cache, before);
      throw error;
    });
    if (checkCache) disposeIfChanged(cache, checkCache);
    await pause();
    signal?.throwIfAborted();
    return logits;
  };
  const passes = passesOf(batch, { size: resolved.prefillChunkSize, config: model.config });
  const ofPasses: Float32Array[] = [];
  for (const part of passes) {
    if (resolved.promptLogprobs === null) {
      ofPasses[0] = await pass(part);
      continue;
    }
    const logits = await pass(part, part.inputIds[0]!.length);
    // Some engines hand out their own memory, which the next pass writes.
    ofPasses.push(passes.length === 1 ? logits : logits.slice());
  }
  let logits = joinPositions(ofPasses, rows.length);
  let isPrompt = true;
  let scratch: Float32Array | undefined;
  while (true) {
    const positions = isPrompt && resolved.promptLogprobs !== null ? batch.inputIds[0]!.length : 1;
    const size = logits.length / rows.length;
    const vocabSize = size / positions;
    scratch ??= new Float32Array(vocabSize);
    for (const row of rows) {
      if (row.done) continue;
      const own = logits.subarray(row.row * size, (row.row + 1) * size);
      const ofPrompt = isPrompt && {
        promptLogprobs: promptLogprobs(own, row, vocabSize, resolved),
        cachedTokens: cachedTokens?.[row.row],
      };
      yield { ...row.next(own.subarray(-vocabSize), scratch), ...(ofPrompt && defined(ofPrompt)) };
    }
    if (rows.every(({ done }) => done)) return;
    // Rows that have ended repeat their last token, and nobody reads their logits: all rows keep the same length. Positions and
    // padding follow from the cache.
    logits = await pass({ inputIds: rows.map(({ ids }) => [ids.at(-1)!]) });
    isPrompt = false;
  }
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** A cache has no logits of the tokens that it holds. */
function checkPromptLogprobs({ promptLogprobs }: ResolvedOptions): void {
  if (promptLogprobs === null) return;
  throw new GenerationError({
    where: { option: "promptLogprobs" },
    expected: "no cache beside it",
    got: "a cache, whose tokens are not computed again",
    fix: "Leave one of the two out",
  });
}

/** A cache of the caller has its dtype already. */
function checkDtype({ kvCacheDtype }: GenerationOptions): void {
  if (kvCacheDtype === undefined) return;
  throw new GenerationError({
    where: { option: "kvCacheDtype" },
    expected: "no cache beside it",
    got: "a cache, which has been created with a dtype",
    fix: `Create the cache with it: model.createCache({ kvCacheDtype: "${kvCacheDtype}" })`,
  });
}

/** Returns the log-probabilities of a row's prompt. @param logits `[L, V]`, those of the padding first */
function promptLogprobs(
  logits: Float32Array,
  { ids }: GenerationRow,
  vocabSize: number,
  { promptLogprobs: top }: ResolvedOptions,
): GeneratedToken["promptLogprobs"] {
  return top === null ? undefined : promptLogprobsOf(logits.subarray(-ids.length * vocabSize), ids, top);
}

/** Names the padding token in errors: the option, or the key of the file that has it. */
function nameOfPad(options: GenerationOptions, defaults: GenerationConfig): string {
  const file =
    options.padTokenId === undefined && defaults.padTokenId !== undefined && generationConfigIssues(defaults);
  return file ? `${file.file}: pad_token_id` : "padTokenId";
}

/** Checks prompts against `max_length` of the generation config; they are within the model's context already. */
function checkRoom(
  prompts: readonly (readonly number[])[],
  { maxLength }: ResolvedOptions,
  file = "generation_config.json",
): void {
  const row = prompts.findIndex(({ length }) => length >= maxLength);
  if (row < 0) return;
  throw new GenerationError({
    where: prompts.length === 1 ? "prompt" : `prompts[${row}]`,
    expected: `fewer tokens than max_length in ${file}, ${maxLength}`,
    got: `${prompts[row]!.length}`,
    fix: { option: "maxNewTokens", text: (option) => `Set ${option}, which takes precedence` },
  });
}

/** Returns the logits of the last positions of each row, `[B · positions · V]`. Read-only: some engines hand out their own memory. */
async function nextLogits(
  model: ForCausalLM,
  inputs: CausalLMInputs,
  { positions, signal }: { readonly positions: number; readonly signal: AbortSignal | undefined },
): Promise<Float32Array> {
  const forward = () =>
    model.forward({ ...inputs, logitsToKeep: positions, outputRouterLogits: false, captureGraph: true });
  // A prompt takes long; a step is short, and is replayed.
  const isStep = (inputs.inputIds as readonly (readonly number[])[])[0]!.length === 1;
  const outputs = isStep ? forward() : await runDeferred(forward, signal);
  try {
    return (await outputs.logits.data()) as Float32Array;
  } finally {
    outputs.logits.dispose();
  }
}
