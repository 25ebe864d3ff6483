import type { CausalLM, CausalLMInputs } from "@mixtape/decoder";
import { checkOptions } from "@mixtape/errors";
import { pauses } from "./event-loop.js";
import { GenerationError } from "./generation-error.js";
import { GENERATION_OPTIONS, type GenerationOptions, resolveOptions, type Settings } from "./options.js";
import { type LogitsProcessor, processorsOf } from "./processors.js";
import { checkPrompts, padPrompts } from "./prompts.js";
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

/** What is known of a row while it is written. */
interface Row {
  readonly prompt: readonly number[];
  readonly newIds: number[];
  readonly sample: Sampler;
  done: boolean;
}

/**
 * Continues prompts, token by token: all rows one step, then the next step. The model reads each prompt once and then one token a
 * step. Breaking out of the loop, or aborting, frees everything.
 *
 * The model must stay as it is until then, weights and adapters: its steps may be recorded and repeated (`fixedModel` of its
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
  model: CausalLM,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions = {},
): AsyncGenerator<GeneratedToken, void, undefined> {
  checkOptions("generateTokens", options, GENERATION_OPTIONS);
  checkPrompts(prompts);
  const { signal } = options;
  const settings = resolveOptions({ ...options, defaults: options.defaults ?? model.generationConfig }, model.config);
  const processors = processorsOf(settings);
  const rows = prompts.map((prompt, row): Row => {
    const sample = settings.doSample ? seededSampler(settings.seed, row) : greedy;
    return { prompt, newIds: [], sample, done: false };
  });
  const batch = padPrompts(prompts, model.config, settings.padTokenId);
  checkRoom(prompts, settings);
  const pause = pauses();
  const cache = model.createCache();
  try {
    let inputs: CausalLMInputs = batch;
    while (true) {
      signal?.throwIfAborted();
      const logits = await nextLogits(model, { ...inputs, cache });
      await pause();
      signal?.throwIfAborted();
      const vocabSize = logits.length / rows.length;
      for (const [row, state] of rows.entries()) {
        if (state.done) continue;
        const own = logits.subarray(row * vocabSize, (row + 1) * vocabSize);
        const id = chooseToken(own, row, state, processors);
        state.newIds.push(id);
        const finishReason = reasonToEnd(id, row, state, settings, options.stopWhen);
        state.done = finishReason !== undefined;
        yield finishReason ? { row, id, finishReason } : { row, id };
      }
      if (rows.every(({ done }) => done)) return;
      inputs = nextInputs(rows, batch.attentionMask, settings.padTokenId);
    }
  } finally {
    cache.dispose();
  }
}

/** Prompts are within the model's context already; the generation config may leave less. */
function checkRoom(prompts: readonly (readonly number[])[], { maxLength }: Settings): void {
  const row = prompts.findIndex(({ length }) => length >= maxLength);
  if (row < 0) return;
  throw new GenerationError({
    where: prompts.length === 1 ? "prompt" : `prompts[${row}]`,
    expected: `fewer tokens than max_length in generation_config.json, ${maxLength}`,
    got: `${prompts[row]!.length}`,
    fix: "Give maxNewTokens, which goes before it",
  });
}

/** The logits of the last position of each row, `[B · V]`. Some engines hand out their own memory: to be read, not written. */
async function nextLogits(model: CausalLM, inputs: CausalLMInputs): Promise<Float32Array> {
  const outputs = model.forward({ ...inputs, logitsToKeep: 1, outputRouterLogits: false, fixedModel: true });
  try {
    return (await outputs.logits.data()) as Float32Array;
  } finally {
    outputs.logits.dispose();
  }
}

/** @param logits of the row, `[V]`, which stay as they are */
function chooseToken(
  logits: Float32Array,
  row: number,
  { sample, prompt, newIds }: Row,
  processors: readonly LogitsProcessor[],
): number {
  if (sample === greedy && processors.length === 0) {
    const id = greedy(logits);
    checkLogit(logits, id, row);
    return id;
  }
  for (let id = 0; id < logits.length; id++) checkLogit(logits, id, row);
  const processed = new Float32Array(logits);
  const ids = processors.length > 0 ? [...prompt, ...newIds] : [];
  for (const process of processors) process(processed, ids);
  return sample(processed);
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
function nextInputs(rows: readonly Row[], mask: readonly number[][] | undefined, pad: number): CausalLMInputs {
  const inputIds = rows.map(({ newIds, done }) => [done ? pad : newIds.at(-1)!]);
  if (!mask) return { inputIds };
  // Rows that have ended go on with padding, so all rows have the same slots.
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
  { eosTokenIds, maxNewTokens, maxLength }: Settings,
  stopWhen: GenerationOptions["stopWhen"],
): FinishReason | undefined {
  if (eosTokenIds.has(id)) return "eos";
  if (stopWhen?.(row, newIds)) return "stop";
  if (newIds.length >= maxNewTokens || prompt.length + newIds.length >= maxLength) return "length";
  return undefined;
}
