import type { PromptBatch } from "./prompts.js";

/**
 * Splits a batch of prompts into passes of at most `size` tokens a row, from left to right. Each continues the cache that the one before
 * has filled, so that the memory of a pass does not grow with the length of a prompt.
 */
export function passesOf(batch: PromptBatch, size: number): PromptBatch[] {
  const { inputIds, attentionMask, positionIds } = batch;
  const { length } = inputIds[0]!;
  if (length <= size) return [batch];
  // The mask of a cache that has tokens already begins with those.
  const past = attentionMask ? attentionMask[0]!.length - length : 0;
  return Array.from({ length: Math.ceil(length / size) }, (_, pass) => {
    const [from, to] = [pass * size, Math.min((pass + 1) * size, length)];
    return {
      inputIds: inputIds.map((ids) => ids.slice(from, to)),
      ...(attentionMask && { attentionMask: attentionMask.map((mask) => mask.slice(0, past + to)) }),
      ...(positionIds && { positionIds: positionIds.map((positions) => positions.slice(from, to)) }),
    };
  });
}

/** Concatenates logits along the positions. @param passes `[B · Lᵢ · V]` each @returns `[B · L · V]` */
export function joinPositions(passes: readonly Float32Array[], rows: number): Float32Array {
  if (passes.length === 1) return passes[0]!;
  const joined = new Float32Array(passes.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (let row = 0; row < rows; row++)
    for (const logits of passes) {
      const size = logits.length / rows;
      joined.set(logits.subarray(row * size, (row + 1) * size), at);
      at += size;
    }
  return joined;
}
