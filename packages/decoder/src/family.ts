import {
  type ConfigDefinition,
  type DecoderConfig,
  defineConfig,
  type Fields,
  type Given,
  type Inputs,
} from "@mixtape/config";
import type { DecoderLayer, LayerClass } from "./decoder-layer.js";
import type { DecoderModel } from "./decoder-model.js";
import { DecoderError } from "./errors.js";
import type { WeightMappings } from "./weights/weight-mapping.js";

/** A family of models, whatever head they have. */
export interface Family<
  C extends DecoderConfig = DecoderConfig,
  Input extends object = object,
  L extends DecoderLayer = DecoderLayer,
> {
  /** Beginning of its class names in Transformers, such as `Mixtral`: `architectures` in a config is this and the head. */
  readonly name: string;
  /** Reads and writes the family's `config.json`; its `modelType` names the family. */
  readonly config: ConfigDefinition<C, Input>;
  /** Its layers. */
  readonly layer: new (
    config: C,
    layer: number,
  ) => L;
  /** Names and layouts of parameters on disk, as they differ from those in memory. May depend on the config. */
  readonly names: WeightMappings<C>;
  /**
   * Beginning of the decoder's names on disk below a head, where it is not `model`: `{ ForQuestionAnswering: "transformer" }`.
   */
  readonly headPrefixes?: Readonly<Record<string, string>>;
  /** The stack, where it differs from {@link DecoderModel}. It makes layers of the class that it is given. */
  readonly decoder?: new (
    config: C,
    layer: LayerClass<never>,
  ) => DecoderModel;
}

/** A family that others may extend. */
export interface FamilyDefinition<
  C extends DecoderConfig = DecoderConfig,
  Input extends object = object,
  L extends DecoderLayer = DecoderLayer,
> extends Family<C, Input, L> {
  /**
   * Returns a family that differs from this one in some parts.
   *
   * ```ts
   * const topPMixtral = mixtral.extend({
   *   modelType: "top-p-mixtral",
   *   fields: { topP: number({ min: 0, max: 1 }).default(0.5) },
   *   buildRouter: (config) => new TopPRouter(config),
   * });
   * ```
   */
  extend<F extends Fields = NoFields, L2 extends DecoderLayer = L>(
    changes: FamilyChanges<C & Given<F>, Input, L2> & {
      /** Fields that its config has besides, or with other defaults. */
      readonly fields?: F;
      readonly config?: never;
    },
  ): FamilyDefinition<C & Given<F>, Inputs<Input, F>, L2>;
  /** Returns a family with a config that extends this one's, for what `fields` alone cannot say. */
  extend<C2 extends C, Input2 extends object, L2 extends DecoderLayer = L>(
    changes: FamilyChanges<C2, Input2, L2> & { readonly config: ConfigDefinition<C2, Input2>; readonly fields?: never },
  ): FamilyDefinition<C2, Input2, L2>;
}

// biome-ignore lint/complexity/noBannedTypes: an object without keys is what is meant
type NoFields = {};

/**
 * Parts in which a family differs from another. The layer changes by a class of its own, or by functions in place of its `build…`
 * methods; in methods of the object, `this` is the layer, whose own fields are not there yet.
 */
export type FamilyChanges<C extends DecoderConfig, Input extends object, L extends DecoderLayer> = Partial<
  Omit<Family<C, Input, L>, "config">
> & {
  /** `model_type` of the family. */
  readonly modelType?: string;
} & Builders<C, L> &
  ThisType<L>;

/** The `build…` methods of a layer, for a config of its own. */
export type Builders<C extends DecoderConfig, L extends DecoderLayer> = {
  readonly [K in Extract<keyof L, `build${string}`>]?: L[K] extends (config: never, ...rest: infer Rest) => infer Part
    ? (config: C, ...rest: Rest) => Part
    : never;
};

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
export function defineFamily<C extends DecoderConfig, Input extends object, L extends DecoderLayer>(
  family: Family<C, Input, L>,
): FamilyDefinition<C, Input, L> {
  const base = family as unknown as AnyFamily;
  const extend = (changes: AnyChanges): unknown => defineFamily(extended(base, changes));
  return { ...family, extend: extend as FamilyDefinition<C, Input, L>["extend"] };
}

/** A family with its types erased: what the signatures promise is checked there. */
type AnyFamily = Family<DecoderConfig, object, DecoderLayer>;
type AnyChanges = Partial<AnyFamily> & { readonly modelType?: string; readonly fields?: Fields };

function extended(base: AnyFamily, { modelType, fields, config = base.config, ...changes }: AnyChanges): AnyFamily {
  const isBuilder = ([name]: readonly [string, unknown]): boolean => name.startsWith("build");
  const builders = Object.entries(changes).filter(isBuilder);
  const parts = { ...base, ...Object.fromEntries(Object.entries(changes).filter((entry) => !isBuilder(entry))) };
  return {
    ...parts,
    config: modelType === undefined && !fields ? config : extendedConfig(config, modelType, fields),
    layer: builders.length === 0 ? parts.layer : withBuilders(parts.layer, builders),
  };
}

function extendedConfig(
  config: AnyFamily["config"],
  modelType = config.modelType,
  fields: Fields = {},
): AnyFamily["config"] {
  return defineConfig({ modelType, extends: config, fields }) as unknown as AnyFamily["config"];
}

/** @throws {DecoderError} for a method that the layer does not have, which would never be called. */
function withBuilders(
  layer: AnyFamily["layer"],
  builders: readonly (readonly [string, unknown])[],
): AnyFamily["layer"] {
  // Abstract members are those of the class itself.
  const Base = layer as unknown as new () => object;
  const Built = class extends Base {};
  for (const [name, value] of builders) {
    if (!(name in Base.prototype))
      throw new DecoderError({
        where: `extend: ${name}`,
        expected: `a method of ${Base.name}`,
        got: "none of that name",
      });
    Object.defineProperty(Built.prototype, name, { value, writable: true, configurable: true });
  }
  return Built as unknown as AnyFamily["layer"];
}
