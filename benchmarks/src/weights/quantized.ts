/** Random models in the formats that llama.cpp gives their tensors: `llama_tensor_get_type`. */

import type { BlockFormat } from "./blocks.js";
import type { RandomModel, Weight } from "./model.js";

/** Kinds of quantised files, as llama.cpp names them. */
export type FileType = "Q4_K_M" | "Q8_0";

/** Numbers of llama.cpp's `llama_ftype`. */
const LLAMA_FTYPES: Readonly<Record<FileType, number>> = { Q4_K_M: 15, Q8_0: 7 };

/** Facts about a model on which the formats of its tensors depend. */
interface Sizes {
  readonly layers: number;
  readonly experts: number;
}

/** Returns a model whose matrices have blocks. */
export function quantized(model: RandomModel, type: FileType): RandomModel {
  const sizes = { layers: Number(model.metadata.block_count), experts: Number(model.metadata.expert_count) };
  return {
    ...model,
    fileType: LLAMA_FTYPES[type],
    weights: model.weights.map((weight) =>
      weight.stored === "matrix" ? { ...weight, blocks: type === "Q8_0" ? "Q8_0" : formatOf(weight, sizes) } : weight,
    ),
  };
}

function formatOf({ gguf }: Weight, { layers, experts }: Sizes): BlockFormat {
  if (gguf === "output.weight") return "Q6_K";
  const [, layer, name = ""] = /^blk\.(\d+)\.(\w+)\.weight$/.exec(gguf) ?? [];
  // Attention of Mixtral is small beside its experts.
  if (experts === 8 && (name === "attn_k" || name === "attn_v")) return "Q8_0";
  if (experts === 8 && name === "attn_output") return "Q5_K";
  const isSensitive = name === "attn_v" || name.startsWith("ffn_down");
  return isSensitive && hasMoreBits(Number(layer), layers) ? "Q6_K" : "Q4_K";
}

/** `use_more_bits`: the first and the last eighth of the layers, and every third between. */
function hasMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}
