import type {
  Allowed,
  ConfigDefinition,
  Derived,
  Fields,
  Given,
  Inputs,
  Layer,
  Parsed,
  Report,
} from "./config-definition.js";
import { ConfigSchema } from "./config-schema.js";
import type { JsonObject } from "./json.js";

/** What {@link defineConfig} takes. Write the parts in this order: TypeScript infers each from those before it. */
export interface ConfigOptions<
  M extends string | undefined,
  F extends Fields,
  D extends object,
  Base extends object,
  BaseInput extends object,
> {
  /** The `model_type` of the file. Left out for files that have none. */
  readonly modelType?: M;
  /** The name of the file, for errors. `config.json` unless given. */
  readonly file?: string;
  /** What errors call a config that was made in code. `mixtral config` of the model type, or the file's name, unless given. */
  readonly name?: string;
  /**
   * Whether a file's values that cannot be used are passed over: `parse` then refuses none of them, and {@link readFrom} tells
   * which they are.
   */
  readonly lenient?: boolean;
  /** The config that this one differs from. */
  readonly extends?: ConfigDefinition<Base, BaseInput>;
  /**
   * New fields, and fields of the base with another default or another rule. A field is a zod schema; its key in the file is
   * its name in snake_case. A schema that allows null or nothing, together with `derive`, makes a field that is worked out.
   */
  readonly fields?: F;
  /** Other spellings of fields. The first one is written, all are read; two that disagree are an error. */
  readonly keys?: {
    readonly [K in (keyof NoInfer<F> | keyof NoInfer<Base>) & string]?: readonly [string, ...string[]];
  };
  /**
   * Values that follow from others. Runs after the base's `derive`: `config` has what that returned, unless a field of this
   * level says otherwise and is not null. `given` has this level's fields as the source has them.
   */
  readonly derive?: (config: Parsed<Base, F>, given: Given<F>) => D;
  /** Keys of the file whose other values would mean maths that is not done here, with the values that are allowed. */
  readonly fixed?: Readonly<Record<string, Allowed<Derived<Base, F, D>>>>;
  /** Keys of the file that are not read, each with the reason. */
  readonly ignored?: Readonly<Record<string, string>>;
  /**
   * Fields and fixed keys that change nothing that a model computes: a wrong value in a file is a fault that is tolerated, and the
   * default stands for it.
   */
  readonly inert?: readonly string[];
  /** Rules between fields. The base's rules hold as well. */
  readonly check?: (config: Derived<Base, F, D>, report: Report) => void;
}

/** `modelType` is in every config that has a `model_type`. */
type Typed<M> = M extends string ? { readonly modelType: string } : unknown;
type Finished<M, Base, F extends Fields, D> = Derived<Base & Typed<M>, F, D>;

/**
 * Defines a kind of config, as the difference from another where there is one.
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
 * @throws {TypeError} A key that is at once a field and fixed or ignored, or that two fields claim.
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
  const { fields, keys, fixed, ignored, inert, derive, check } = options;
  // The schema works on plain objects: it cannot know the types that the generics promise to the caller.
  const layer = {
    fields: fields ?? {},
    keys: keys ?? {},
    fixed: fixed ?? {},
    ignored: ignored ?? {},
    inert: inert ?? [],
    derive,
    check,
  } as unknown as Layer;
  const layers = [...(options.extends?.layers ?? []), layer];
  const schema = new ConfigSchema(options.modelType, options.file ?? "config.json", layers, options);
  return {
    modelType: options.modelType,
    layers: schema.layers,
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
