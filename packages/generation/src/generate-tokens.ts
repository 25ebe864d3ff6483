import { type GenerationConfig, generationConfigFaults } from "@mixtape/config";
import type { CausalLMInputs, ForCausalLM } from "@mixtape/decoder";
import { checkOptions, checkOptionTypes } from "@mixtape/errors";
import { pauses } from "./event-loop.js";
import { GenerationError } from "./generation-error.js";
import { GENERATION_OPTIONS, type GenerationOptions, type ResolvedOptions } from "./options.js";
import type { LogitsProcessor } from "./processors/logits-processor.js";
import { processorsOf } from "./processors/processors-of.js";
import { checkPrompts, padPrompts } from "./prompts.js";
import { checkModel, resolveOptions } from "./resolve-options.js";
import { greedy, type Sampler, seededSampler } from "./sampler.js";

/**
 * Why a row ended: `eos` at an end token, `stop` at a stop string or where `stopWhen` said so, `length` at `maxNewTokens` or
 * the end of the model's context.
 */
export type FinishReason = "eos" | "stop" | "length";

/** One new token of one row. */
export interface GeneratedToken {
  /** The prompt that it continues. */
  readonly row: number;
  /** The new token's. */
  readonly id: number;
  /** Given with the last token of the row, which is the end token itself for `eos`. */
  readonly finishReason?: FinishReason;
}

/** The state of a row while it is written. */
interface Row {
  readonly prompt: readonly number[];
  readonly newIds: number[];
  readonly processors: readonly LogitsProcessor[];
  readonly sample: Sampler;
  done: boolean;
}

/**
 * Continues prompts, token by token: all rows one step, then the next step. The model reads each prompt once and then one token a
 * step. Breaking out of the loop, or aborting, frees everything.
 *
 * The model must stay as it is until then, weights and adapters: its steps may be recorded and repeated (`captureGraph` of its
 * `forward`). Other models, and other texts of this one, may run in between.
 *
 * ```ts
 * for await (const { id } of generateTokens(model, [[1, 2, 3]], { maxNewTokens: 10 })) console.log(id);
 * ```
 *
 * @param prompts token ids; rows may differ in length
 * @throws {OptionError} for an option that it does not know
 * @throws {GenerationError} for empty or too long prompts, options out of range, and logits that are no numbers
 * @throws {DecoderError} for ids outside the vocabulary
 */
export async function* generateTokens(
  model: ForCausalLM,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions = {},
): AsyncGenerator<GeneratedToken, void, undefined> {
  checkOptions("generateTokens", options, GENERATION_OPTIONS);
  checkOptionTypes("generateTokens", options, {
    stopWhen: "function",
    signal: "signal",
    defaults: "object",
    routing: "object",
  });
  checkModel(model);
  checkPrompts(prompts);
  const { signal, routing } = options;
  const resolved = resolveOptions(options, model);
  const rows = prompts.map((prompt, row): Row => {
    const sample = resolved.doSample ? seededSampler(resolved.seed, row) : greedy;
    return { prompt, newIds: [], processors: processorsOf(resolved, prompt.length), sample, done: false };
  });
  const defaults = options.defaults ?? model.generationConfig;
  const batch = padPrompts(prompts, model.config, resolved.padTokenId, nameOfPad(options, defaults));
  checkRoom(prompts, resolved, generationConfigFaults(defaults)?.file);
  const pause = pauses();
  const cache = model.createCache();
  try {
    let inputs: CausalLMInputs = batch;
    while (true) {
      signal?.throwIfAborted();
      const logits = await nextLogits(model, { ...inputs, cache, routing });
      await pause();
      signal?.throwIfAborted();
      const vocabSize = logits.length / rows.length;
      for (const [row, state] of rows.entries()) {
        if (state.done) continue;
        const own = logits.subarray(row * vocabSize, (row + 1) * vocabSize);
        const id = chooseToken(own, row, state);
        state.newIds.push(id);
        const finishReason = reasonToEnd(id, row, state, resolved, options.stopWhen);
        state.done = finishReason !== undefined;
        yield finishReason ? { row, id, finishReason } : { row, id };
      }
      if (rows.every(({ done }) => done)) return;
      inputs = nextInputs(rows, batch.attentionMask);
    }
  } finally {
    cache.dispose();
  }
}

/** The name of the pad token in errors: the call's option, or the key of the file that has it. */
function nameOfPad(options: GenerationOptions, defaults: GenerationConfig): string {
  const file =
    options.padTokenId === undefined && defaults.padTokenId !== undefined && generationConfigFaults(defaults);
  return file ? `${file.file}: pad_token_id` : "padTokenId";
}

/** Prompts are within the model's context already; the generation config may leave less. */
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
    fix: "Give maxNewTokens in the call, which takes precedence",
  });
}

/** The logits of the last position of each row, `[B · V]`. Some engines hand out their own memory: to be read, not written. */
async function nextLogits(model: ForCausalLM, inputs: CausalLMInputs): Promise<Float32Array> {
  const outputs = model.forward({ ...inputs, logitsToKeep: 1, outputRouterLogits: false, captureGraph: true });
  try {
    return (await outputs.logits.data()) as Float32Array;
  } finally {
    outputs.logits.dispose();
  }
}

/** @param logits of the row, `[V]`, which stay as they are */
function chooseToken(logits: Float32Array, row: number, { sample, prompt, newIds, processors }: Row): number {
  if (sample === greedy && processors.length === 0) {
    const id = greedy(logits);
    checkLogit(logits, id, row);
    return id;
  }
  for (let id = 0; id < logits.length; id++) checkLogit(logits, id, row);
  const processed = new Float32Array(logits);
  const ids = processors.length > 0 ? [...prompt, ...newIds] : [];
  for (const process of processors) process(processed, ids);
  const id = sample(processed);
  checkProcessed(processed, id, row);
  return id;
}

/** Options can rule out every token, or move logits beyond float32: no choice means anything then. */
function checkProcessed(logits: Float32Array, id: number, row: number): void {
  const largest = logits.reduce((max, logit) => (logit > max ? logit : max), -Infinity);
  if (Number.isFinite(largest) && logits[id]! > -Infinity) return;
  throw new GenerationError({
    where: `logits of row ${row} after the processors`,
    expected: "a token that can be chosen",
    got: largest === Infinity ? `Infinity for token ${logits.indexOf(largest)}` : "none",
    fix:
      largest === Infinity
        ? "repetitionPenalty, sequenceBias or exponentialDecayLengthPenalty is too extreme"
        : "Options such as suppressTokens, badWordsIds and noRepeatNgramSize rule out every token: leave one out",
  });
}

/** Without it, a model that computes nothing but NaN would seem to write the first token of its vocabulary. */
function checkLogit(logits: Float32Array, id: number, row: number): void {
  if (logits[id]! < Infinity) return;
  throw new GenerationError({
    where: `logits of row ${row}`,
    expected: "numbers",
    got: `${logits[id]} for token ${id}`,
    fix: "The weights may be damaged: loading with checkFinite names the tensor",
  });
}

/** The newest token of each row, with its place among those before. */
function nextInputs(rows: readonly Row[], mask: readonly number[][] | undefined): CausalLMInputs {
  // Rows that have ended repeat their last token, which nothing sees, so all rows have the same length.
  const inputIds = rows.map(({ newIds }) => [newIds.at(-1)!]);
  if (!mask) return { inputIds };
  const steps = Math.max(...rows.map(({ newIds }) => newIds.length));
  return {
    inputIds,
    attentionMask: mask.map((row) => [...row, ...new Array<number>(steps).fill(1)]),
    positionIds: rows.map(({ prompt }) => [prompt.length + steps - 1]),
  };
}

function reasonToEnd(
  id: number,
  row: number,
  { prompt, newIds }: Row,
  { eosTokenIds, maxNewTokens, maxLength }: ResolvedOptions,
  stopWhen: GenerationOptions["stopWhen"],
): FinishReason | undefined {
  if (eosTokenIds.has(id)) return "eos";
  if (stopWhen?.(row, newIds)) return "stop";
  if (newIds.length >= maxNewTokens || prompt.length + newIds.length >= maxLength) return "length";
  return undefined;
}
