import type { RandomModel } from "../weights/model.js";
import { quantized } from "../weights/quantized.js";
import { type Qwen3MoeSizes, qwen3Moe } from "../weights/qwen3-moe.js";
import type { Distribution } from "../weights/values.js";
import { byteLevelVocabulary } from "./byte-level-vocabulary.js";

/** Merges of Qwen's tokenizer. */
const MERGES = 151_387;

/**
 * Attention averages over the context, and what it adds is much alike for all tokens of a text. With random weights that outgrows the tokens' own
 * numbers within some layers, unless these are large: then all tokens choose the same experts, however the routers are.
 */
const TOKENS: Distribution = { mean: 0, deviation: 32 };

/** Returns a random model in the formats that llama.cpp's Q4_K_M gives its tensors. */
export function q4kmOf(sizes: Qwen3MoeSizes, merges = MERGES): RandomModel {
  const model = quantized(qwen3Moe(sizes), "Q4_K_M");
  return {
    ...model,
    vocabulary: byteLevelVocabulary(sizes.vocab, merges),
    weights: model.weights.map((weight) =>
      weight.gguf === "token_embd.weight" ? { ...weight, distribution: TOKENS } : weight,
    ),
  };
}
