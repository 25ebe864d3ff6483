import type { DecoderConfig } from "@mixtape/config";
import { type CapturedRouting, namedRouters, routerOf, tokenMaskOf } from "@mixtape/layers";
import { storageOf } from "@mixtape/ops";
import type { Dtype } from "@mixtape/safetensors";
import type { LoadJob } from "./match-tensors.js";
import type { PreTrainedModel } from "./pre-trained-model.js";

/** Summary of a model, available before it is loaded. */
export interface ModelSummary {
  /** Family: `model_type` of its config. */
  readonly modelType: string;
  /** Class in transformers, such as `MixtralForCausalLM`. */
  readonly architecture: string;
  /** Number of layers, and of those with experts. */
  readonly layers: { readonly total: number; readonly moe: number; readonly sliding: number };
  /** Experts of a layer, those that a token is sent to, and shared ones. */
  readonly experts: { readonly total: number; readonly perToken: number; readonly shared: number };
  /** Number of parameters, and of those that are used for one token. */
  readonly parameters: { readonly total: number; readonly active: number };
}

/**
 * Summarises a model. It need not be loaded: parameters know their shapes before.
 *
 * Active parameters are all but the experts that a token is not routed to. If the number of experts per token varies,
 * it is the maximum: {@link activeParameters} measures the actual number.
 */
export function summarize(model: PreTrainedModel<DecoderConfig & Partial<ExpertCounts>>): ModelSummary {
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
    architecture: model.architecture,
    layers: {
      total: config.numHiddenLayers,
      moe: config.mlpLayerTypes.filter((type) => type === "sparse").length,
      sliding: config.layerTypes.filter((type) => type === "sliding_attention").length,
    },
    experts: { total: numExperts, perToken: numExpertsPerTok, shared: numSharedExperts },
    parameters: { total, active: total - idle },
  };
}

/**
 * Returns the number of parameters used for a token, averaged over the tokens of a forward pass: a token with fewer
 * experts uses fewer parameters.
 * @param routings of the forward pass, as returned by `outputRoutings`
 */
export async function activeParameters(model: PreTrainedModel, routings: readonly CapturedRouting[]): Promise<number> {
  const shares = new Map<string, number>();
  const names = new Map(namedRouters(model).map(([name, router]) => [router, name]));
  for (const routing of routings) {
    const router = routerOf(routing);
    const counts = router.expertCounts(routing);
    const slots = (await counts.data<"float32">()).reduce((sum, count) => sum + count, 0);
    counts.dispose();
    const tokens = tokenMaskOf(routing)?.numTokens ?? routing.logits.shape[0];
    // The experts are beside their router.
    shares.set(names.get(router)!.replace(/[^.]*$/, ""), slots / tokens / router.numExperts);
  }
  let active = 0;
  for (const [name, { size, role }] of model.namedParameters()) {
    const block = [...shares].find(([prefix]) => name.startsWith(prefix));
    active += size * (block && (role === "stack" || role === "vectors") ? block[1] : 1);
  }
  return active;
}

interface ExpertCounts {
  readonly numExperts: number;
  readonly numExpertsPerTok: number;
  readonly numSharedExperts: number;
}

/**
 * Returns the bytes of a model's weights on a tfjs backend, without caches and activations.
 * @param dtype dtype of the checkpoint, for engines that keep it
 * @param jobs parameters with their values on disk, for engines that keep quantised ones
 */
export function weightBytes(
  model: PreTrainedModel,
  backend: string,
  dtype: Dtype = "F32",
  jobs: readonly Pick<LoadJob, "param" | "view">[] = [],
): number {
  const storage = storageOf(backend);
  const views = new Map(jobs.map(({ param, view }) => [param, view]));
  let bytes = 0;
  for (const [, param] of model.namedParameters())
    bytes += storage.bytes(param.shape, param.role, dtype, views.get(param));
  return bytes;
}
