import type { RandomModel } from "../weights/model.js";
import { qwen3Moe } from "../weights/qwen3-moe.js";
import { randomShape } from "./random-shape.js";

/** Qwen3-30B-A3B with some of its 48 layers and 32,000 of its 151,936 tokens. */
export function qwen330bA3bOf(layers: number): RandomModel {
  return qwen3Moe({
    layers,
    vocab: 32_000,
    hidden: 2048,
    heads: 32,
    kvHeads: 4,
    headDim: 128,
    denseWidth: 6144,
    width: 768,
    experts: 128,
    perToken: 8,
  });
}

export const qwen330bA3b = randomShape(
  "qwen3-30b-a3b",
  "Qwen3-30B-A3B with 4 of its 48 layers and 32,000 of its 151,936 tokens",
  () => qwen330bA3bOf(4),
);
