import { AfmoeForCausalLM } from "@mixtape/afmoe";
import type { DecoderConfig } from "@mixtape/config";
import type { ForCausalLM, ModelClass } from "@mixtape/decoder";
import { DeepseekV3ForCausalLM } from "@mixtape/deepseek-v3";
import { GptOssForCausalLM } from "@mixtape/gpt-oss";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { OlmoeForCausalLM } from "@mixtape/olmoe";
import { Qwen2MoeForCausalLM } from "@mixtape/qwen2-moe";
import { Qwen3MoeForCausalLM } from "@mixtape/qwen3-moe";
import { Qwen3NextForCausalLM } from "@mixtape/qwen3-next";
import { UnknownFamilyError } from "./mixtape-error.js";

/** A family as the registry keeps it: what its config adds to a decoder's is the family's own affair. */
type Family = ModelClass<ForCausalLM>;

const BUILT_IN = [
  MixtralForCausalLM,
  Qwen3MoeForCausalLM,
  AfmoeForCausalLM,
  Qwen2MoeForCausalLM,
  DeepseekV3ForCausalLM,
  OlmoeForCausalLM,
  Qwen3NextForCausalLM,
  GptOssForCausalLM,
] as unknown as readonly Family[];
const families = new Map(BUILT_IN.map((family) => [family.family.config.modelType!, family]));

/**
 * Makes `loadModel` load checkpoints whose `model_type` is that of the class's config with this class. A family that is
 * registered again is replaced.
 *
 * ```ts
 * registerFamily(MyAfmoeForCausalLM);
 * ```
 *
 * @throws {UnknownFamilyError} for what is no class of models, and where the config has no model type.
 */
export function registerFamily<M extends ForCausalLM<C>, C extends DecoderConfig>(family: ModelClass<M, C>): void {
  if (typeof family !== "function" || !family.family)
    throw new UnknownFamilyError({
      where: "registerFamily",
      expected: "a class of models with a static family",
      got: typeof family === "function" ? `${family.name || "a class"} without it` : String(family),
    });
  const { modelType } = family.family.config;
  if (!modelType)
    throw new UnknownFamilyError({ where: family.name, expected: "a config with a modelType", got: "none" });
  families.set(modelType, family as unknown as Family);
}

/** The model types that `loadModel` knows. */
export function registeredFamilies(): string[] {
  return [...families.keys()];
}

/**
 * The class for a `model_type`.
 * @param where what names it in an error, such as the path of a config
 * @param architectures classes of transformers that a config without a `model_type` may name: for the error
 * @throws {UnknownFamilyError} listing those that are known.
 */
export function familyOf(modelType: unknown, where = "familyOf", architectures?: unknown): Family {
  const family = typeof modelType === "string" ? families.get(modelType) : undefined;
  if (family) return family;
  throw new UnknownFamilyError({
    where: `${where}: model_type`,
    expected: `one of ${registeredFamilies().join(", ")}`,
    got: modelType === undefined ? "none" : JSON.stringify(modelType),
    fix: meantBy(modelType, architectures) ?? "A family of your own is made known with registerFamily",
  });
}

/** What to write into a config that names a known class of transformers and no `model_type`. */
function meantBy(modelType: unknown, architectures: unknown): string | undefined {
  if (modelType != null || !Array.isArray(architectures)) return undefined;
  for (const [type, { name }] of families)
    if (architectures.includes(name)) return `It names ${name}: add "model_type": ${JSON.stringify(type)} to it`;
  return undefined;
}
