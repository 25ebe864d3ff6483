import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/**
 * Shuffles (Fisher and Yates, in the version of Durstenfeld 1964): the same for the same seed and epoch; null keeps the
 * order.
 */
export function shuffled<T>(items: readonly T[], seed: number | null, epoch: number): readonly T[] {
  if (seed === null) return items;
  const order = [...items];
  const generator = xoroshiro128plus(Math.imul(seed, 0x9e3779b1) ^ epoch);
  for (let i = order.length - 1; i > 0; i--) {
    const j = uniformInt(generator, 0, i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
