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

/** A family of models, independent of their heads. */
export interface Family<
  C extends DecoderConfig = DecoderConfig,
  Input extends object = object,
  L extends DecoderLayer = DecoderLayer,
> {
  /**
   * Prefix of its class names in Transformers, such as `Mixtral`: followed by the head, it is `architectures` in a
   * config.
   */
  readonly name: string;
  /** Reads and writes the family's `config.json`; its `modelType` identifies the family. */
  readonly config: ConfigDefinition<C, Input>;
  /** Class of its layers. */
  readonly layer: new (
    config: C,
    layer: number,
  ) => L;
  /** Names and layouts of parameters on disk, where they differ from those in memory. May depend on the config. */
  readonly names: WeightMappings<C>;
  /**
   * Prefix of the decoder's names on disk below a head, if it is not `model`: `{ ForQuestionAnswering: "transformer"
   * }`.
   */
  readonly headPrefixes?: Readonly<Record<string, string>>;
  /** The stack, if it is not {@link DecoderModel}. It creates layers of the given class. */
  readonly decoder?: new (
    config: C,
    layer: LayerClass<never>,
  ) => DecoderModel;
}

/** A family that others can extend. */
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
      /** Additional fields of its config, or new defaults. */
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
 * Changes of a family. The layer changes by a new class, or by functions that replace its `build…` methods; in methods
 * of the object, `this` is the layer, whose own fields do not exist yet.
 */
export type FamilyChanges<C extends DecoderConfig, Input extends object, L extends DecoderLayer> = Partial<
  Omit<Family<C, Input, L>, "config">
> & {
  /** `model_type` of the family. */
  readonly modelType?: string;
} & Builders<C, L> &
  ThisType<L>;

/** The `build…` methods of a layer, for its config. */
export type Builders<C extends DecoderConfig, L extends DecoderLayer> = {
  readonly [K in Extract<keyof L, `build${string}`>]?: L[K] extends (config: never, ...rest: infer Rest) => infer Part
    ? (config: C, ...rest: Rest) => Part
    : never;
};

/**
 * Defines a family and checks its parts against each other by type.
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

/** A family with its types erased: the signatures check them. */
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
  // Abstract members belong to the class itself.
  const Base = layer as unknown as new () => object;
  const Built = class extends Base {};
  for (const [name, value] of builders) {
    if (!(name in Base.prototype))
      throw new DecoderError({
        where: `extend: ${name}`,
        expected: `a method of ${Base.name}`,
        got: "no such method",
      });
    Object.defineProperty(Built.prototype, name, { value, writable: true, configurable: true });
  }
  return Built as unknown as AnyFamily["layer"];
}
