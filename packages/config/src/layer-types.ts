import { int, listOf, oneOf } from "./fields.js";

/**
 * Token mixer of a layer: attention to everything before it or to the last `slidingWindow` positions, or a recurrence.
 */
export type LayerType = "full_attention" | "sliding_attention" | "linear_attention";

/** Feed-forward of a layer: one gated MLP, or experts. */
export type MlpLayerType = "dense" | "sparse";

/** Far above any model, and low enough that a list with an entry per layer is cheap. */
const MAX_LAYERS = 10_000;

/** A number of layers. Bounded for every family, since lists get an entry per layer before anything is checked. */
export function layerCount({ min = 1 } = {}) {
  return int({ min, max: MAX_LAYERS });
}

/** A `layer_types` list. @param types allowed types. Default: full and sliding attention. */
export function layerTypeList(types: readonly [LayerType, ...LayerType[]] = ["full_attention", "sliding_attention"]) {
  return listOf(oneOf<readonly [LayerType, ...LayerType[]]>(...types), "layer types");
}

/**
 * Returns sliding attention for every layer if there is a window, else full attention: the rule of Mixtral and Qwen.
 */
export function uniformLayerTypes(config: {
  readonly numHiddenLayers: number;
  readonly slidingWindow: number | null;
}): readonly LayerType[] {
  return Array.from({ length: config.numHiddenLayers }, () =>
    config.slidingWindow === null ? "full_attention" : "sliding_attention",
  );
}

/** Returns layer types by a function of the layer index. */
export function layerTypesWhere(numHiddenLayers: number, typeOf: (layer: number) => LayerType): readonly LayerType[] {
  return Array.from({ length: numHiddenLayers }, (_, layer) => typeOf(layer));
}

/** Returns the field of `slidingWindow` of a family whose layers do not slide. @param family its name, for errors */
export function noWindow(family: string) {
  return int()
    .nullable()
    .refine((window) => window === null, { error: `null, as ${family}'s layers do not slide` })
    .default(null);
}

/** Returns feed-forward types by a predicate on the layer index. */
export function mlpLayerTypesWhere(
  numHiddenLayers: number,
  isSparse: (layer: number) => boolean,
): readonly MlpLayerType[] {
  return Array.from({ length: numHiddenLayers }, (_, layer) => (isSparse(layer) ? "sparse" : "dense"));
}
