import type { BlockFormat } from "../weights/blocks.js";
import type { RandomModel, Weight } from "../weights/model.js";
import { type Qwen3MoeSizes, qwen3Moe } from "../weights/qwen3-moe.js";
import type { Distribution } from "../weights/values.js";
import { byteLevelVocabulary } from "./byte-level-vocabulary.js";

/** Merges of Qwen's tokenizer. */
const MERGES = 151_387;

const LLAMA_FTYPE_MOSTLY_Q4_K_M = 15;

/**
 * Attention averages over the context, and what it adds is much alike for all tokens of a text. With random weights that outgrows the tokens' own
 * numbers within some layers, unless these are large: then all tokens choose the same experts, however the routers are.
 */
const TOKENS: Distribution = { mean: 0, deviation: 32 };

/** Returns a random model in the formats that llama.cpp's Q4_K_M gives its tensors. */
export function q4kmOf(sizes: Qwen3MoeSizes, merges = MERGES): RandomModel {
  const model = qwen3Moe(sizes);
  return {
    ...model,
    fileType: LLAMA_FTYPE_MOSTLY_Q4_K_M,
    vocabulary: byteLevelVocabulary(sizes.vocab, merges),
    weights: model.weights.map((weight) => {
      if (weight.stored !== "matrix") return weight;
      const blocks = formatOf(weight, sizes.layers);
      return weight.gguf === "token_embd.weight" ? { ...weight, blocks, distribution: TOKENS } : { ...weight, blocks };
    }),
  };
}

/** `llama_tensor_get_type` for Q4_K_M of a model with more than 8 experts. */
function formatOf({ gguf }: Weight, layers: number): BlockFormat {
  if (gguf === "output.weight") return "Q6_K";
  const [, layer, name] = /^blk\.(\d+)\.(attn_v|ffn_down_exps)\.weight$/.exec(gguf) ?? [];
  return name !== undefined && hasMoreBits(Number(layer), layers) ? "Q6_K" : "Q4_K";
}

/** `use_more_bits` of llama.cpp: the first and the last eighth of the layers, and every third between. */
function hasMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}
