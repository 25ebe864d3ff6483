import type { Target } from "../target.js";
import { adapters } from "./adapters.js";
import { chatData } from "./chat-data.js";
import { config, generationConfigs } from "./configs.js";
import { gguf } from "./gguf.js";
import { quantized } from "./quantized.js";
import { regexes } from "./regexes.js";
import { index, safetensors } from "./safetensors.js";
import { templates } from "./templates.js";
import { tokenizers } from "./tokenizers.js";
import { trainingFolders } from "./training-folders.js";
import { webServers } from "./web-servers.js";

/** Rows of the table, with the fraction of the inputs that each gets. */
export const TARGETS: readonly (readonly [target: Target, share: number])[] = [
  [safetensors, 9],
  [index, 6],
  [gguf, 2],
  [quantized, 3],
  [config, 1],
  [generationConfigs, 2],
  [tokenizers, 4],
  [templates, 4],
  [regexes, 3],
  [adapters, 1],
  [trainingFolders, 1],
  [chatData, 4],
  [webServers, 5],
];
