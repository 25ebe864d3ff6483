import type { RoutingTrace } from "@mixtape/mixtape";

/** Number of tokens of each expert of a layer. */
export interface LayerLoad {
  /** Index of the decoder layer. */
  readonly layer: number;
  /** `[E]` */
  readonly counts: readonly number[];
}

/** Counts the tokens of each expert in the layers that have experts. */
export function expertLoads(
  { tokens, layers, slots, indices }: RoutingTrace,
  experts: ReadonlyMap<number, number>,
): LayerLoad[] {
  const loads = new Map([...experts].map(([layer, count]) => [layer, new Array<number>(count).fill(0)]));
  for (let i = 0; i < tokens * layers * slots; i++) {
    const expert = indices[i]!;
    const counts = loads.get(Math.floor(i / slots) % layers);
    if (expert >= 0 && counts) counts[expert]!++;
  }
  return [...loads].map(([layer, counts]) => ({ layer, counts }));
}

/** Load of an expert relative to an even share: 1 for an even load, 0 for no token. */
export function relativeLoads(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (total === 0 ? 0 : (count * counts.length) / total));
}
