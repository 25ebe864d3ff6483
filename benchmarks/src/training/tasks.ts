/** Training tasks: the model, the data and the method. */

import type { AdapterConfigInput } from "@mixtape/peft";

export interface TrainingTask {
  readonly name: string;
  readonly title: string;
  readonly model: ModelName;
  /** Storage of the frozen weights, and of those that train in full. Adapters train in float32. */
  readonly dtype: "float32" | "bfloat16";
  /** Format of the frozen matrices, if they are quantised. */
  readonly quantized?: QuantizedFormat;
  /** Null if all parameters train. */
  readonly adapter: AdapterConfigInput | null;
  /** Number of texts in a batch, and of tokens in each. */
  readonly rows: number;
  readonly length: number;
  readonly learningRate: number;
}

/** `int4`: a checkpoint as `sample-generate quantize` writes it. `Q4_K_M`: GGUF, with weights of its own. */
export type QuantizedFormat = "int4" | "Q4_K_M";

export type ModelName = "sample-afmoe" | "qwen3-30b-a3b-2-layers";

const ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"];

const LORA: TrainingTask = {
  name: "lora",
  title: "LoRA of rank 16 on the attention of qwen3-30b-a3b with 2 layers",
  model: "qwen3-30b-a3b-2-layers",
  dtype: "bfloat16",
  adapter: { method: "lora", r: 16, loraAlpha: 32, targetModules: ATTENTION },
  rows: 4,
  length: 256,
  learningRate: 2e-4,
};

export const TRAINING_TASKS: readonly TrainingTask[] = [
  {
    name: "full-sample",
    title: "all parameters of the sample model, float32",
    model: "sample-afmoe",
    dtype: "float32",
    adapter: null,
    rows: 4,
    length: 256,
    learningRate: 1e-4,
  },
  { ...LORA, name: "lora-qwen3", title: `${LORA.title}, bfloat16` },
  { ...LORA, name: "qlora-qwen3-int4", title: `${LORA.title}, int4`, quantized: "int4" },
  { ...LORA, name: "qlora-qwen3-q4_k_m", title: `${LORA.title}, Q4_K_M`, quantized: "Q4_K_M" },
];

/** Adapters of four kinds that train at the same time, on one model. */
export interface TogetherTask {
  readonly name: string;
  readonly title: string;
  readonly model: ModelName;
  readonly adapters: Readonly<Record<string, AdapterConfigInput>>;
  /** Number of texts of each adapter in a batch, and of tokens in each. */
  readonly rows: number;
  readonly length: number;
}

const FOUR: TogetherTask["adapters"] = {
  lora: { method: "lora", r: 8, loraAlpha: 16, targetModules: ATTENTION },
  rslora: { method: "rslora", r: 16, loraAlpha: 16, targetModules: ATTENTION },
  dora: { method: "dora", r: 8, loraAlpha: 16, targetModules: ATTENTION },
  mola: { method: "mola", r: 8, loraAlpha: 16, numExperts: 4, topK: 2, targetModules: ATTENTION },
};

export const TOGETHER_TASKS: readonly TogetherTask[] = [
  {
    name: "four-sample",
    title: "four adapters on the sample model, a text of 256 tokens each",
    model: "sample-afmoe",
    adapters: FOUR,
    rows: 1,
    length: 256,
  },
  {
    name: "four-qwen3",
    title: "four adapters on qwen3-30b-a3b with 2 layers, a text of 256 tokens each",
    model: "qwen3-30b-a3b-2-layers",
    adapters: FOUR,
    rows: 1,
    length: 256,
  },
];

/**
 * Returns the token ids of a step, the same for every runner: they are spread over the vocabulary, and differ in every
 * step. `python/training_peer.py` generates the same.
 */
export function rowsOf(
  step: number,
  { rows, length }: { rows: number; length: number },
  vocabSize: number,
): number[][] {
  return Array.from({ length: rows }, (_, row) =>
    Array.from(
      { length },
      (_, i) => (Math.imul((step * rows + row) * length + i + 1, 2_654_435_761) >>> 0) % vocabSize,
    ),
  );
}
