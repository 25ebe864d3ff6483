import type { Target } from "../target.js";
import { adapters } from "./adapters.js";
import { config, generationConfigs } from "./configs.js";
import { index, safetensors } from "./safetensors.js";
import { regexes, templates, tokenizers } from "./tokenizers.js";
import { trainingFolders } from "./training-folders.js";

/** The rows of the table, and what share of the inputs each gets. */
export const TARGETS: readonly (readonly [target: Target, share: number])[] = [
  [safetensors, 4],
  [index, 2],
  [config, 3],
  [generationConfigs, 3],
  [tokenizers, 3],
  [templates, 4],
  [regexes, 2],
  [adapters, 2],
  [trainingFolders, 1],
];
