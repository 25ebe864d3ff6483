import type {
  Allowed,
  ConfigDefinition,
  ConfigLevel,
  Derived,
  Fields,
  Given,
  Inputs,
  Parsed,
  Report,
} from "./config-definition.js";
import { ConfigSchema } from "./config-schema.js";
import type { JsonObject } from "./json.js";

/** Options of {@link defineConfig}. Write them in this order: TypeScript infers each from those before it. */
export interface ConfigOptions<
  M extends string | undefined,
  F extends Fields,
  D extends object,
  Base extends object,
  BaseInput extends object,
> {
  /** The `model_type` of the file. Omit it for files that have none. */
  readonly modelType?: M;
  /** Name of the file, for errors. Default: `config.json`. */
  readonly file?: string;
  /** Name of a config created in code, for errors. Default: the model type and `config`, or the file's name. */
  readonly name?: string;
  /**
   * Whether invalid values of a file are ignored: `parse` then refuses none of them, and {@link readFrom} lists them.
   */
  readonly lenient?: boolean;
  /** The definition that this one is based on. */
  readonly extends?: ConfigDefinition<Base, BaseInput>;
  /**
   * New fields, and fields of the base with another default or another rule. A field is a zod schema; its key in the
   * file is its name in snake_case. A schema that allows null or undefined, together with `derive`, makes a derived
   * field.
   */
  readonly fields?: F;
  /** Other spellings of fields. The first is written, all are read; two that disagree are an error. */
  readonly keys?: {
    readonly [K in (keyof NoInfer<F> | keyof NoInfer<Base>) & string]?: readonly [string, ...string[]];
  };
  /**
   * Computes values from others. Runs after the base's `derive`: `config` has the result of that, unless a field of
   * this level is set to something else and is not null. `given` has this level's fields as they are in the source.
   */
  readonly derive?: (config: Parsed<Base, F>, given: Given<F>) => D;
  /** Keys of the file with the values that are implemented; any other value is an error. */
  readonly allowedValues?: Readonly<Record<string, Allowed<Derived<Base, F, D>>>>;
  /** Keys of the file that are not read, each with the reason. */
  readonly ignored?: Readonly<Record<string, string>>;
  /**
   * Fields and restricted keys that do not change the model's output: a wrong value in a file is tolerated and replaced by
   * the default.
   */
  readonly inert?: readonly string[];
  /** Rules between fields. The base's rules apply too. */
  readonly check?: (config: Derived<Base, F, D>, report: Report) => void;
}

/** A config has a `modelType` if its definition has one. */
type Typed<M> = M extends string ? { readonly modelType: string } : unknown;
type Finished<M, Base, F extends Fields, D> = Derived<Base & Typed<M>, F, D>;

/**
 * Defines a kind of config, optionally on top of another.
 *
 * ```ts
 * const myConfig = defineConfig({
 *   modelType: "my-afmoe",
 *   extends: afmoeConfig,
 *   fields: { sharpness: number({ above: 0 }).default(1) },
 * });
 * type MyConfig = ConfigOf<typeof myConfig>;
 * ```
 *
 * @throws {TypeError} If a key is both a field and restricted or ignored, or if two fields claim it.
 */
export function defineConfig<
  M extends string | undefined = undefined,
  // biome-ignore lint/complexity/noBannedTypes: an object without keys is what is meant
  F extends Fields = {},
  // biome-ignore lint/complexity/noBannedTypes: an object without keys is what is meant
  D extends object = {},
  // biome-ignore lint/complexity/noBannedTypes: an object without keys is what is meant
  Base extends object = {},
  // biome-ignore lint/complexity/noBannedTypes: an object without keys is what is meant
  BaseInput extends object = {},
>(
  options: ConfigOptions<M, F, D, Base, BaseInput>,
): ConfigDefinition<Finished<M, Base, F, D>, Inputs<BaseInput & { readonly modelType?: string | undefined }, F>> {
  type Config = Finished<M, Base, F, D>;
  const { fields, keys, allowedValues, ignored, inert, derive, check } = options;
  // The schema works on plain objects: it cannot know the types that the generics promise to the caller.
  const layer = {
    fields: fields ?? {},
    keys: keys ?? {},
    allowedValues: allowedValues ?? {},
    ignored: ignored ?? {},
    inert: inert ?? [],
    derive,
    check,
  } as unknown as ConfigLevel;
  const layers = [...(options.extends?.levels ?? []), layer];
  const schema = new ConfigSchema(options.modelType, options.file ?? "config.json", layers, options);
  return {
    modelType: options.modelType,
    levels: schema.levels,
    parse: (json, options) => schema.parse(json, options) as Config,
    create: (input) => schema.create({ ...input }) as Config,
    with: (config, changes) => schema.with(config as JsonObject, { ...changes }) as Config,
    check: (config) => {
      schema.toJSON(config as JsonObject);
      return config;
    },
    toJSON: (config) => schema.toJSON(config as JsonObject),
    stringify: (config) => schema.stringify(config as JsonObject),
    explain: (key) => schema.explain(key),
  };
}
