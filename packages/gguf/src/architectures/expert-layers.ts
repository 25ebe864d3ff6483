import type { GgufModel } from "./architecture.js";
import type { ModelKeys } from "./model-keys.js";

/** Returns the width of an expert; files of the first converters name it by the shape of the tensors alone. */
export function expertWidth({ tensors }: GgufModel, keys: ModelKeys): number {
  const named = keys.count("expert_feed_forward_length");
  if (named !== undefined) return named;
  const name = [...tensors.keys()].find((one) => one.endsWith(".ffn_down_exps.weight"));
  return keys.shape(name ?? "blk.0.ffn_down_exps.weight", 3)[2]!;
}

/** Returns the layers with a dense MLP. */
export function denseLayers({ tensors }: GgufModel): number[] {
  const layers = [...tensors.keys()].map((name) => /^blk\.(\d+)\.ffn_gate\.weight$/.exec(name)?.[1]);
  return layers.filter((layer) => layer !== undefined).map(Number);
}
