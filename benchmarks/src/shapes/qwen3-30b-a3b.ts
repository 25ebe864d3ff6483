import type { RandomModel } from "../weights/model.js";
import { type Qwen3MoeSizes, qwen3Moe } from "../weights/qwen3-moe.js";
import { randomShapes } from "./random-shape.js";

/** Qwen3-30B-A3B, whole. */
export const QWEN3_30B_A3B: Qwen3MoeSizes = {
  layers: 48,
  vocab: 151_936,
  hidden: 2048,
  heads: 32,
  kvHeads: 4,
  headDim: 128,
  denseWidth: 6144,
  width: 768,
  experts: 128,
  perToken: 8,
};

/** Qwen3-30B-A3B with some of its 48 layers and 32,000 of its 151,936 tokens. */
export function qwen330bA3bOf(layers: number): RandomModel {
  return qwen3Moe({ ...QWEN3_30B_A3B, layers, vocab: 32_000 });
}

export const qwen330bA3b = randomShapes(
  "qwen3-30b-a3b",
  "Qwen3-30B-A3B with 4 of its 48 layers and 32,000 of its 151,936 tokens",
  () => qwen330bA3bOf(4),
);
