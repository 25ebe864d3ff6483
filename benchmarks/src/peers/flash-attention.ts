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
  const sequences = [context.getSequence()];
  const prompt = promptOf({ promptTokens: PROMPT }, vocabSizeOf(model));
  let prefillMs = Number.POSITIVE_INFINITY;
  let decodeMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIALS; i++) {
    const begin = performance.now();
    let first = begin;
    for await (const _ of write(sequences, [prompt], NEW_TOKENS)) if (first === begin) first = performance.now();
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

/** Writes tokens greedily after prompts, one in each sequence, from empty caches: all rows take each step together. */
export async function* write(
  sequences: readonly LlamaSequence[],
  prompts: readonly (readonly number[])[],
  newTokens: number,
): AsyncGenerator<number> {
  const rows = await Promise.all(
    prompts.map(async (prompt, row) => {
      await sequences[row]!.clearHistory();
      return sequences[row]!.evaluate(prompt, { temperature: 0, yieldEogToken: true });
    }),
  );
  // llama.cpp's bindings make one batch of what is asked for at the same time.
  for (let step = 0; step < newTokens; step++)
    for (const { value } of await Promise.all(rows.map((row) => row.next()))) yield value as number;
  await Promise.all(rows.map((row) => row.return(undefined)));
}
