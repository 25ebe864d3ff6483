import { afmoe } from "../weights/afmoe.js";
import { mixtral } from "../weights/mixtral.js";
import { qwen3Moe } from "../weights/qwen3-moe.js";
import { randomShape } from "./random-shape.js";
import { sampleAfmoe } from "./sample-afmoe.js";
import type { Shape } from "./shape.js";

export const SHAPES: readonly Shape[] = [
  sampleAfmoe,
  randomShape("qwen3-30b-a3b", "Qwen3-30B-A3B with 4 of its 48 layers and 32,000 of its 151,936 tokens", () =>
    qwen3Moe({ layers: 4, vocab: 32_000 }),
  ),
  randomShape("trinity-nano", "Trinity-Nano, whole", afmoe),
  randomShape("mixtral-8x7b", "Mixtral-8x7B with 2 of its 32 layers", () => mixtral({ layers: 2 })),
];
