import type { DecoderConfig } from "@mixtape/config";
import { storageOf } from "@mixtape/ops";
import type { Dtype } from "@mixtape/safetensors";
import type { CausalLM } from "./causal-lm.js";

/** What a model is, before a byte of it is loaded. */
export interface ModelSummary {
  /** The family: `model_type` of its config. */
  readonly modelType: string;
  /** All layers, and how many of them have experts. */
  readonly layers: { readonly total: number; readonly moe: number; readonly sliding: number };
  /** Experts of a layer, those that a token is sent to, and those that every token is sent to. */
  readonly experts: { readonly total: number; readonly perToken: number; readonly shared: number };
  /** How many numbers the model has, and how many of them one token is multiplied by or looked up in. */
  readonly parameters: { readonly total: number; readonly active: number };
}

/**
 * Counts a model. It need not be loaded: parameters know their shapes before.
 *
 * Active parameters are all but the experts that a token is not routed to.
 */
export function summarize(model: CausalLM<DecoderConfig & Partial<ExpertCounts>>): ModelSummary {
  const { config } = model;
  const { numExperts = 0, numExpertsPerTok = 0, numSharedExperts = 0 } = config;
  let total = 0;
  let idle = 0;
  for (const [, param] of model.namedParameters()) {
    total += param.size;
    if (param.role === "stack" || param.role === "vectors")
      idle += param.size * (1 - numExpertsPerTok / param.shape[0]!);
  }
  return {
    modelType: config.modelType,
    layers: {
      total: config.numHiddenLayers,
      moe: config.mlpLayerTypes.filter((type) => type === "sparse").length,
      sliding: config.layerTypes.filter((type) => type === "sliding_attention").length,
    },
    experts: { total: numExperts, perToken: numExpertsPerTok, shared: numSharedExperts },
    parameters: { total, active: total - idle },
  };
}

interface ExpertCounts {
  readonly numExperts: number;
  readonly numExpertsPerTok: number;
  readonly numSharedExperts: number;
}

/**
 * How many bytes the weights of a model take on a tfjs backend, caches and activations not counted.
 * @param dtype the dtype of the checkpoint, for engines that keep it
 */
export function weightBytes(model: CausalLM, backend: string, dtype: Dtype = "F32"): number {
  const storage = storageOf(backend);
  let bytes = 0;
  for (const [, param] of model.namedParameters()) bytes += storage.bytes(param.shape, param.role, dtype);
  return bytes;
}
