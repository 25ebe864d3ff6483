import { llamaCpp } from "./llama-cpp.js";
import { mixtape } from "./mixtape.js";
import { openvino } from "./openvino.js";
import type { Runner } from "./runner.js";
import { transformers } from "./transformers.js";
import { vllm } from "./vllm.js";

export const RUNNERS: readonly Runner[] = [
  mixtape("cpu"),
  mixtape("wasm"),
  mixtape("tensorflow"),
  mixtape("native"),
  llamaCpp,
  transformers,
  vllm,
  openvino,
];
