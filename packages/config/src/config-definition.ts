/** The types behind {@link defineConfig}: how a config's result is worked out from its fields, its base and `derive`. */
import type * as z from "zod";
import type { Fault } from "./config-error.js";
import type { JsonObject } from "./json.js";

/** Says that a key is wrong. The key is given in camelCase and reported in the spelling of the source. */
export type Report<Key extends string = string> = (key: Key, fault: Omit<Fault, "key">) => void;

/** A field whose value comes out of several keys of the file, or out of one that is not a plain value. */
export interface CompoundField<Out, In = Out> {
  /** Every key that belongs to it. */
  readonly keys: readonly string[];
  /** Reads the value. `config` has the plain fields; one that was at fault is missing. */
  read(json: JsonObject, config: JsonObject, report: Report): Out;
  /** Takes a value in camelCase, as `create` gets it. */
  accept(input: In | undefined, config: JsonObject, report: Report): Out;
  /** The keys to set for a value, in the spellings that `json` has already. `undefined` takes a key out. */
  write(value: Out, json: JsonObject): JsonObject;
  /** Where in `json` a part of the value came from, for error messages: `part` is in camelCase, or empty for the whole. */
  locate?(json: JsonObject, part: string): string;
}

/** What a value of a config may be and where it comes from: a zod schema for one key of the file, or a {@link CompoundField}. */
export type Field = z.ZodType | CompoundField<unknown, never>;
/** The fields of a config by their names in code. */
export type Fields = Readonly<Record<string, Field>>;

type FieldOutput<F> = F extends z.ZodType ? z.output<F> : F extends { read(...args: never): infer Out } ? Out : never;
type FieldInput<F> = F extends z.ZodType
  ? z.input<F>
  : F extends { accept(input: infer In, ...args: never): unknown }
    ? In
    : never;

type Flat<T> = { readonly [K in keyof T]: T[K] } & {};
type OptionalKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];

/** The values of fields; one that may be `undefined` may be absent. */
type Outputs<F extends Fields> = { [K in keyof F]: FieldOutput<F[K]> };
// Mapped over a type's own keys, not over a union of names: so properties keep the doc comments of the fields, and hovers show them.
type Optional<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
type Loose<T> = Flat<Omit<T, OptionalKeys<T>> & Optional<Pick<T, OptionalKeys<T>>>>;

/** The values of one level's fields, before anything is worked out from them. */
export type Given<F extends Fields> = Loose<Outputs<F>>;

/** Fields laid over a base: they win, except that a null does not hide what the base worked out. */
export type Parsed<Base, F extends Fields> = Loose<
  Omit<Base, keyof F> & {
    [K in keyof Outputs<F>]: K extends keyof Base
      ? null extends Outputs<F>[K]
        ? NonNullable<Outputs<F>[K]> | Base[K]
        : Outputs<F>[K]
      : Outputs<F>[K];
  }
>;

/** What `derive` returns laid over the fields. */
export type Derived<Base, F extends Fields, D> = Flat<Omit<Parsed<Base, F>, keyof D> & D>;

/** What `create` takes: any of the fields, of the base's too. */
export type Inputs<Base, F extends Fields> = Flat<
  Omit<Base, keyof F> & { [K in keyof F]?: FieldInput<F[K]> | undefined }
>;

/** How a `config.json` is read. */
export interface ParseOptions {
  /** The file's name, for errors. */
  readonly file?: string;
  /** Keys to let pass in silence although nothing here knows them, or their value. They are kept for `toJSON`. */
  readonly ignore?: readonly string[];
  /**
   * Called for each fault that transformers tolerates too, such as a key that nothing here knows; the config is read without
   * it then. By default these are errors as well.
   */
  readonly onWarning?: (fault: Fault) => void;
}

/**
 * A kind of config: reads it from JSON, makes it in code, writes it back.
 *
 * A config is a plain object and `{...config, numExperts: 4}` is a config. It remembers its source under a symbol, which
 * a spread copies, so that `toJSON` can keep the source's spellings and the keys that nothing here reads.
 */
export interface ConfigDefinition<Config extends object, Input extends object> {
  /** The `model_type` in the file, where there is one. */
  readonly modelType: string | undefined;

  /**
   * Reads what `JSON.parse` made of a `config.json`.
   * @throws {ConfigError} Lists every key that is unknown, badly typed, or asks for maths that is not done here; if there
   * is none, every key that contradicts another.
   */
  parse(json: unknown, options?: ParseOptions): Config;

  /**
   * Makes a config from camelCase values; what is left out takes its default. The model type is this definition's.
   * @throws {ConfigError} As `parse`, with keys in camelCase.
   */
  create(input?: Input): Config;

  /**
   * A copy with some values changed, and everything that was worked out from them worked out anew: changing
   * `numHiddenLayers` changes `layerTypes` too, unless the source lists them.
   * @throws {ConfigError} As `create`.
   */
  with(config: Config, changes: Input): Config;

  /**
   * Checks a config that was put together by hand, for instance by a spread.
   * @returns The same object.
   * @throws {ConfigError} Lists the values that contradict each other or would not survive a save.
   */
  check(config: Config): Config;

  /**
   * The config as `config.json` holds it: every key of the source in its spelling, and the values that changed since. A
   * config made in code is written in full.
   * @throws {ConfigError} Lists the values that contradict each other or would not be read back as they are.
   */
  toJSON(config: Config): Record<string, unknown>;

  /**
   * The text of the file: `toJSON`, indented by two spaces. Fractions that happen to be whole are written `1.0`, as
   * transformers 5 refuses `1` where it expects a float: write files with this, not with `JSON.stringify`.
   * @throws {ConfigError} As `toJSON`.
   */
  stringify(config: Config): string;

  /** What the definition knows about a JSON key: how it is used, or why it is not. `undefined` for a key it refuses. */
  explain(key: string): KeyRole | undefined;

  /** The definitions that this one was laid over, and its own last. @internal */
  readonly layers: readonly Layer[];
}

/** What becomes of a key of the file. */
export type KeyRole =
  | { readonly role: "field"; readonly field: string }
  | { readonly role: "fixed" }
  | { readonly role: "ignored"; readonly reason: string };

/** The config that a definition makes: `type AfmoeConfig = ConfigOf<typeof afmoeConfig>`. */
export type ConfigOf<D extends { parse(json: unknown): object }> = ReturnType<D["parse"]>;

/** The values that a key may have: a list, or a list that hangs on the finished config. */
export type Allowed<C> = readonly unknown[] | ((config: C) => readonly unknown[]);

/** One step of `extends`, with its types erased. */
export interface Layer {
  readonly fields: Fields;
  readonly keys: Readonly<Record<string, readonly [string, ...string[]]>>;
  readonly fixed: Readonly<Record<string, Allowed<JsonObject>>>;
  readonly ignored: Readonly<Record<string, string>>;
  readonly inert: readonly string[];
  readonly derive: ((config: JsonObject, given: JsonObject) => object) | undefined;
  readonly check: ((config: JsonObject, report: Report) => void) | undefined;
}
