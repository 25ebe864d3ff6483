import { availableParallelism } from "node:os";
import { promptOf } from "../tasks.js";
import type { LlamaModel, LlamaSequence } from "./llama-cpp-api.js";

/** Whether llama.cpp uses flash attention; `auto` is its own choice. */
export interface FlashAttention {
  readonly prefill: boolean | "auto";
  readonly decode: boolean | "auto";
}

/** Tokens of a trial: enough that attention counts. */
const PROMPT = 512;
const NEW_TOKENS = 17;
/** Best of so many: the first one warms up. */
const TRIALS = 2;

/** Finds by trials whether it is faster with it, for prompts and for decoding. */
export async function fastestFlashAttention(model: LlamaModel): Promise<FlashAttention> {
  const [on, off] = [await trial(model, true), await trial(model, false)];
  return { prefill: on.prefillMs <= off.prefillMs, decode: on.decodeMs <= off.decodeMs };
}

async function trial(
  model: LlamaModel,
  flashAttention: boolean,
): Promise<{ readonly prefillMs: number; readonly decodeMs: number }> {
  const contextSize = PROMPT + NEW_TOKENS;
  const context = await model.createContext({ contextSize, threads: availableParallelism(), flashAttention });
  const sequence = context.getSequence();
  const prompt = promptOf({ promptTokens: PROMPT }, vocabSizeOf(model));
  let prefillMs = Number.POSITIVE_INFINITY;
  let decodeMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIALS; i++) {
    const begin = performance.now();
    let first = begin;
    for await (const _ of write(sequence, prompt, NEW_TOKENS)) if (first === begin) first = performance.now();
    prefillMs = Math.min(prefillMs, first - begin);
    decodeMs = Math.min(decodeMs, performance.now() - first);
  }
  // Its cache would count as memory that the tasks need.
  await context.dispose();
  return { prefillMs, decodeMs };
}

export function vocabSizeOf(model: LlamaModel): number {
  return model.fileInfo.metadata.tokenizer.ggml.tokens.length;
}

/** Writes tokens greedily after a prompt, from an empty cache. */
export async function* write(
  sequence: LlamaSequence,
  prompt: readonly number[],
  newTokens: number,
): AsyncGenerator<number> {
  await sequence.clearHistory();
  let written = 0;
  for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    yield token;
    if (++written === newTokens) return;
  }
}
