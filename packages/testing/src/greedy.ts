import type { ForCausalLM } from "@mixtape/decoder";
import { argMax, tidy } from "@tensorflow/tfjs-core";

/**
 * Returns the most likely next token, `count` times, with a cache. Used to test models, so it does not depend on the
 * generation package.
 *
 * @param attentionMask 0 where a row is padded on its left
 * @returns the new tokens of each row
 */
export async function greedy(
  model: ForCausalLM,
  promptIds: readonly (readonly number[])[],
  count: number,
  attentionMask?: readonly (readonly number[])[],
): Promise<number[][]> {
  const cache = model.createCache();
  const written: number[][] = promptIds.map(() => []);
  let inputIds = promptIds;
  let mask = attentionMask;
  let positionIds: readonly (readonly number[])[] | undefined = mask?.map(positionsOf);
  try {
    for (let step = 0; step < count; step++) {
      const next = tidy(() => {
        const { logits } = model.forward({ inputIds, attentionMask: mask, positionIds, cache, logitsToKeep: 1 });
        return argMax(logits, -1);
      });
      inputIds = Array.from(await next.data(), (id) => [id]);
      next.dispose();
      for (const [row, [id]] of inputIds.entries()) written[row]!.push(id!);
      mask = mask?.map((row) => [...row, 1]);
      positionIds = positionIds?.map((row) => [row.at(-1)! + 1]);
    }
  } finally {
    cache.dispose();
  }
  return written;
}

/** Returns position ids as the reference's `generate` counts them: tokens before, without padding; 0 for padding. */
export function positionsOf(mask: readonly number[]): number[] {
  let seen = 0;
  return mask.map((value) => (value === 0 ? 0 : seen++));
}
