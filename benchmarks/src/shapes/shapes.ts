import { sampleAfmoe } from "./sample-afmoe.js";
import type { Shape } from "./shape.js";

export const SHAPES: readonly Shape[] = [sampleAfmoe];
