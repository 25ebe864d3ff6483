/** Fields shared by the types that stretch a model beyond the context it was trained on. */
import { int, number } from "../fields.js";
import type { RopeFillConfig } from "./rope-type.js";

export const stretchFields = {
  /** Ratio of the new to the original context. Default: `maxPositionEmbeddings / originalMaxPositionEmbeddings`. */
  factor: number({ above: 0 }),
  /** Context length of the original training. Default: `maxPositionEmbeddings`. */
  originalMaxPositionEmbeddings: int(),
  /** Factor of cosines and sines; null uses the type's formula. */
  attentionFactor: number({ above: 0 }).nullable().default(null),
};

/** Fills in the original context, and derives the factor from it. */
export function fillStretch(
  { factor, ...given }: { readonly factor?: number; readonly originalMaxPositionEmbeddings?: number },
  config: RopeFillConfig,
): { factor: number; originalMaxPositionEmbeddings: number } {
  const original = fillOriginalContext(given, config);
  const stretched = Math.max(1, config.maxPositionEmbeddings / original.originalMaxPositionEmbeddings);
  return { ...original, factor: factor ?? stretched };
}

/** Fills in the original context. */
export function fillOriginalContext(
  { originalMaxPositionEmbeddings }: { readonly originalMaxPositionEmbeddings?: number },
  { maxPositionEmbeddings }: RopeFillConfig,
): { originalMaxPositionEmbeddings: number } {
  return { originalMaxPositionEmbeddings: originalMaxPositionEmbeddings ?? maxPositionEmbeddings };
}
