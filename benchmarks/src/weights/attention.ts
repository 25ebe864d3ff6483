/** Attention weights that several families share. */

import { interleaved, type MoeSizes, matrix, norm, type Weight } from "./model.js";

type Heads = Pick<MoeSizes, "hidden" | "heads" | "kvHeads" | "headDim">;

/** The four projections of a layer. */
export function projections(layer: number, { hidden, heads, kvHeads, headDim }: Heads): Weight[] {
  const hf = `model.layers.${layer}.self_attn`;
  const gguf = `blk.${layer}.attn`;
  return [
    matrix(`${hf}.q_proj.weight`, `${gguf}_q.weight`, [heads * headDim, hidden]),
    matrix(`${hf}.k_proj.weight`, `${gguf}_k.weight`, [kvHeads * headDim, hidden]),
    matrix(`${hf}.v_proj.weight`, `${gguf}_v.weight`, [kvHeads * headDim, hidden]),
    matrix(`${hf}.o_proj.weight`, `${gguf}_output.weight`, [hidden, heads * headDim]),
  ];
}

/** The four projections of a layer, for families where llama.cpp rotates adjacent features. */
export function interleavedProjections(layer: number, sizes: Heads): Weight[] {
  const [q, k, ...others] = projections(layer, sizes);
  return [interleaved(q!, sizes.heads), interleaved(k!, sizes.kvHeads), ...others];
}

/** Norms of queries and keys per head. */
export function headNorms(layer: number, headDim: number): Weight[] {
  const hf = `model.layers.${layer}.self_attn`;
  return [
    norm(`${hf}.q_norm.weight`, `blk.${layer}.attn_q_norm.weight`, headDim),
    norm(`${hf}.k_norm.weight`, `blk.${layer}.attn_k_norm.weight`, headDim),
  ];
}
