import { type ConfigDefinition, type DecoderConfig, defineConfig } from "@mixtape/config";
import type { LayerClass } from "./decoder-layer.js";
import type { DecoderModel } from "./decoder-model.js";
import type { WeightMappings } from "./weights/weight-mapping.js";

/** What a family of models is, whatever head stands on it. */
export interface Family<C extends DecoderConfig = DecoderConfig, Input extends object = object> {
  /** What its class names begin with in transformers, such as `Mixtral`: `architectures` in a config is this and the head. */
  readonly name: string;
  /** Reads and writes the family's `config.json`; its `modelType` names the family. */
  readonly config: ConfigDefinition<C, Input>;
  /** Its layers. */
  readonly layer: LayerClass<C>;
  /** How names and layouts of parameters on disk differ from those in memory. May depend on the config. */
  readonly names: WeightMappings<C>;
  /**
   * What names of the decoder begin with on disk below a head, where it is not `model`: `{ ForQuestionAnswering: "transformer" }`.
   */
  readonly headPrefixes?: Readonly<Record<string, string>>;
  /** The stack, where it differs from {@link DecoderModel}. It makes layers of the class that it is given. */
  readonly decoder?: new (
    config: C,
    layer: LayerClass<never>,
  ) => DecoderModel;
}

/**
 * Returns the family, its parts checked against each other by type.
 *
 * ```ts
 * const mixtral = defineFamily({ name: "Mixtral", config: mixtralConfig, layer: MixtralDecoderLayer, names });
 * class MixtralForCausalLM extends ForCausalLM<MixtralConfig> {
 *   static readonly family = mixtral;
 * }
 * ```
 */
export function defineFamily<C extends DecoderConfig, Input extends object>(
  family: Family<C, Input>,
): Family<C, Input> {
  return family;
}

/**
 * Returns a family that differs from another in some parts, with the same config under another `model_type`. One whose config has
 * fields of its own is spread: `{ ...mixtral, config, layer }`.
 *
 * ```ts
 * const softmaxAfmoe = extendFamily(afmoe, { modelType: "softmax-afmoe", layer: SoftmaxAfmoeLayer });
 * ```
 */
export function extendFamily<C extends DecoderConfig, Input extends object>(
  base: Family<C, Input>,
  { modelType, ...parts }: FamilyChanges<C>,
): Family<C, Input> {
  const config = modelType === undefined ? base.config : defineConfig({ modelType, extends: base.config });
  return { ...base, ...parts, config: config as ConfigDefinition<C, Input> };
}

/** Parts in which a family differs from another of the same config. */
export interface FamilyChanges<C extends DecoderConfig> extends Partial<Omit<Family<C>, "config">> {
  readonly modelType?: string;
}
