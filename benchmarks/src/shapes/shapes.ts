import { mixtral8x7b } from "./mixtral-8x7b.js";
import { qwen330bA3b } from "./qwen3-30b-a3b.js";
import { sampleAfmoe } from "./sample-afmoe.js";
import type { Shape } from "./shape.js";
import { trinityNano } from "./trinity-nano.js";

export const SHAPES: readonly Shape[] = [sampleAfmoe, ...qwen330bA3b, ...trinityNano, ...mixtral8x7b];
