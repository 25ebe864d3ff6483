import type { GgufModel } from "./architecture.js";
import { commonConfig } from "./common-config.js";
import { findArchitecture } from "./find-architecture.js";

/** Keys of a model that describe no computation, or one that the tensors or other keys describe too. */
const DESCRIPTIONS = ["rope.scaling.finetuned", "tensor_data_layout", "interleave_moe_layer_step", "pooling_type"];

/**
 * Makes `config.json`. Keys of the file that nothing reads are in it under their own names, so that they are reported as
 * unknown keys of a config are.
 */
export function modelConfig(model: GgufModel): Readonly<Record<string, unknown>> {
  const architecture = findArchitecture(model.metadata);
  const config = { ...commonConfig(model), ...architecture.config(model) };
  const prefix = `${architecture.name}.`;
  const unread = model.metadata.unread(prefix).filter((key) => !DESCRIPTIONS.includes(key.slice(prefix.length)));
  return { ...config, ...Object.fromEntries(unread.map((key) => [key, String(model.metadata.get(key))])) };
}
