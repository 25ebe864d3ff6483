/** What the types share that stretch a model from the context that it was trained on. */
import { count, number } from "../fields.js";
import type { RopeFillConfig } from "./rope-type.js";

export const stretchFields = {
  /** How many times longer the context becomes. Default: `maxPositionEmbeddings / originalMaxPositionEmbeddings`. */
  factor: number({ above: 0 }),
  /** Context length that the model was trained on before it was stretched. Default: `maxPositionEmbeddings`. */
  originalMaxPositionEmbeddings: count(),
  /** Factor of cosines and sines; null leaves it to the type's formula. */
  attentionFactor: number({ above: 0 }).nullable().default(null),
};

/** Fills in the original context, and from it the factor. */
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
