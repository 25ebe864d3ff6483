import type { Report } from "./config-definition.js";
import { checkExperts } from "./decoder-checks.js";
import { int, listOf } from "./fields.js";
import { type MlpLayerType, mlpLayerTypesWhere } from "./layer-types.js";

/** Config fields of Qwen that set which layers have experts. */
export interface SparseLayers {
  /** Layer i may have experts if i + 1 is a multiple of this. */
  readonly decoderSparseStep: number;
  /** Indices of layers that are dense regardless of the step. */
  readonly mlpOnlyLayers: readonly number[];
}

/** Returns the fields of {@link SparseLayers}, for the `fields` of a family. */
export function sparseLayerFields() {
  return {
    decoderSparseStep: int().default(1),
    mlpOnlyLayers: listOf(int({ min: 0 }), "layer indices").nullish(),
  };
}

/** Returns which layers have experts by {@link SparseLayers}, for the `derive` of a family. Without experts every layer is dense. */
export function sparseLayers(config: {
  readonly numHiddenLayers: number;
  readonly numExperts: number;
  readonly decoderSparseStep: number;
  readonly mlpOnlyLayers?: readonly number[] | null | undefined;
}): { readonly mlpOnlyLayers: readonly number[]; readonly mlpLayerTypes: readonly MlpLayerType[] } {
  const { numHiddenLayers, numExperts, decoderSparseStep } = config;
  const mlpOnlyLayers = config.mlpOnlyLayers ?? [];
  const dense = new Set(mlpOnlyLayers);
  const isSparse = (layer: number) => !dense.has(layer) && numExperts > 0 && (layer + 1) % decoderSparseStep === 0;
  return { mlpOnlyLayers, mlpLayerTypes: mlpLayerTypesWhere(numHiddenLayers, isSparse) };
}

/** Checks experts where there are any, and that the dense layers are layers, for the `check` of a family. */
export function checkSparseLayers(
  c: SparseLayers & {
    readonly numHiddenLayers: number;
    readonly numExperts: number;
    readonly numExpertsPerTok: number;
  },
  report: Report,
): void {
  // Without experts every layer is dense, and nothing reads how many a token would go to.
  if (c.numExperts > 0) checkExperts(c, report);
  const beyond = c.mlpOnlyLayers.find((layer) => layer >= c.numHiddenLayers);
  if (beyond === undefined) return;
  report("mlpOnlyLayers", {
    expected: `layers below ${c.numHiddenLayers}, the number of layers`,
    got: String(beyond),
    tolerated: true,
  });
}
