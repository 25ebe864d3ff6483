import { count, listOf, oneOf } from "./fields.js";

/** What a layer attends to: everything before it, or the last `slidingWindow` positions; or that it is a recurrence instead. */
export type LayerType = "full_attention" | "sliding_attention" | "linear_attention";

/** What a layer's feed-forward part is: one gated MLP, or experts. */
export type MlpLayerType = "dense" | "sparse";

/** Far above any model, and low enough that a list with an entry per layer is cheap. */
const MAX_LAYERS = 10_000;

/** A number of layers: every family's, for lists are made with an entry per layer before anything is checked. */
export function layerCount({ min = 1 } = {}) {
  return count({ min, max: MAX_LAYERS });
}

/** A `layer_types` list. @param types those that the family has. Default: full and sliding attention. */
export function layerTypeList(types: readonly [LayerType, ...LayerType[]] = ["full_attention", "sliding_attention"]) {
  return listOf(oneOf<readonly [LayerType, ...LayerType[]]>(...types), "layer types");
}

/** Every layer slides if there is a window, none if there is none: the rule of Mixtral and Qwen. */
export function uniformLayerTypes(config: {
  readonly numHiddenLayers: number;
  readonly slidingWindow: number | null;
}): readonly LayerType[] {
  return Array.from({ length: config.numHiddenLayers }, () =>
    config.slidingWindow === null ? "full_attention" : "sliding_attention",
  );
}

/** Layer types by a rule on the index of the layer. */
export function mlpLayerTypesWhere(
  numHiddenLayers: number,
  isSparse: (layer: number) => boolean,
): readonly MlpLayerType[] {
  return Array.from({ length: numHiddenLayers }, (_, layer) => (isSparse(layer) ? "sparse" : "dense"));
}
