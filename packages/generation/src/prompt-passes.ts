import { type DecoderConfig, ropeFrequencies } from "@mixtape/config";
import type { PromptBatch } from "./prompts.js";

/**
 * Splits a batch of prompts into passes of at most `size` tokens a row, from left to right. Each continues the cache that the one before
 * has filled, so that the memory of a pass does not grow with the length of a prompt. RoPE types whose frequencies depend on the length
 * of a text read it in one pass where they would change within it: keys in the cache are rotated already.
 */
export function passesOf(batch: PromptBatch, { size, config }: { size: number; config: DecoderConfig }): PromptBatch[] {
  const { inputIds, attentionMask, positionIds } = batch;
  const { length } = inputIds[0]!;
  if (length <= size || changesFrequencies(config, size, length)) return [batch];
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

/** Whether rotary frequencies of a text of `to` tokens differ from those of its first `from`. */
function changesFrequencies(config: DecoderConfig, from: number, to: number): boolean {
  const [before, after] = [from, to].map((length) => ropeFrequencies(config.ropeParameters, { ...config, length }));
  return before!.scaling !== after!.scaling || before!.inverse.some((frequency, i) => frequency !== after!.inverse[i]);
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
