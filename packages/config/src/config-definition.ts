/** Types behind {@link defineConfig}: a config's type follows from its fields, its base and `derive`. */
import type * as z from "zod";
import type { ConfigIssue } from "./config-error.js";
import type { JsonObject } from "./json.js";

/** Reports that a key is wrong. The key is given in camelCase and reported in the spelling of the source. */
export type Report<Key extends string = string> = (key: Key, issue: Omit<ConfigIssue, "key">) => void;

/** A field that is read from several keys of the file, or from one that is not a plain value. */
export interface CompoundField<Out, In = Out> {
  /** Every key that belongs to it. */
  readonly keys: readonly string[];
  /** Reads the value. `config` has the plain fields; invalid ones are missing. */
  read(json: JsonObject, config: JsonObject, report: Report): Out;
  /** Accepts a camelCase value, as passed to `create`. */
  accept(input: In | undefined, config: JsonObject, report: Report): Out;
  /** Returns the keys to set for a value, in the spellings that `json` already has. `undefined` removes a key. */
  write(value: Out, json: JsonObject): JsonObject;
  /**
   * Returns the key in `json` that a part of the value came from, for error messages. `part` is in camelCase; empty
   * means the whole.
   */
  locate?(json: JsonObject, part: string): string;
}

/** Schema and source of a config value: a zod schema for one key of the file, or a {@link CompoundField}. */
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

/** Values of the fields; one that may be `undefined` may be absent. */
type Outputs<F extends Fields> = { [K in keyof F]: FieldOutput<F[K]> };
// Mapped over a type's own keys, not over a union of names, so that properties keep the fields' doc comments and
// editors show them.
type Optional<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
type Loose<T> = Flat<Omit<T, OptionalKeys<T>> & Optional<Pick<T, OptionalKeys<T>>>>;

/** Values of one level's fields, before `derive` runs. */
export type Given<F extends Fields> = Loose<Outputs<F>>;

/** Fields laid over a base: they win, except that a null does not hide the base's derived value. */
export type Parsed<Base, F extends Fields> = Loose<
  Omit<Base, keyof F> & {
    [K in keyof Outputs<F>]: K extends keyof Base
      ? null extends Outputs<F>[K]
        ? NonNullable<Outputs<F>[K]> | Base[K]
        : Outputs<F>[K]
      : Outputs<F>[K];
  }
>;

/** Result of `derive` laid over the fields. */
export type Derived<Base, F extends Fields, D> = Flat<Omit<Parsed<Base, F>, keyof D> & D>;

/** Input of `create`: any of the fields, the base's included. */
export type Inputs<Base, F extends Fields> = Flat<
  Omit<Base, keyof F> & { [K in keyof F]?: FieldInput<F[K]> | undefined }
>;

/** Options for reading a `config.json`. */
export interface ParseOptions {
  /** The file's name, for errors. */
  readonly file?: string;
  /** Keys to ignore although they, or their values, are not supported. They are kept for `toJSON`. */
  readonly ignore?: readonly string[];
  /**
   * Called for each issue that transformers tolerates too, such as an unknown key; the config is then read without that
   * key. By default such issues are errors.
   */
  readonly onWarning?: (issue: ConfigIssue) => void;
}

/**
 * A kind of config: reads it from JSON, creates it in code, writes it back.
 *
 * A config is a plain object, and `{...config, numExperts: 4}` is a config. It keeps its source under a symbol, which a
 * spread copies, so `toJSON` can keep the source's spellings and unused keys.
 */
export interface ConfigDefinition<Config extends object, Input extends object> {
  /** The `model_type` of the file, if it has one. */
  readonly modelType: string | undefined;

  /**
   * Reads the result of `JSON.parse` on a `config.json`.
   * @throws {ConfigError} Lists every key that is unknown, has the wrong type, or asks for a computation that is not
   *   implemented; if there is none, every key that contradicts another.
   */
  parse(json: unknown, options?: ParseOptions): Config;

  /**
   * Creates a config from camelCase values; omitted ones take their defaults. The model type is this definition's.
   * @throws {ConfigError} As `parse`, with keys in camelCase.
   */
  create(input?: Input): Config;

  /**
   * Returns a copy with some values changed and every derived value computed again: changing `numHiddenLayers` changes
   * `layerTypes` too, unless the source lists them.
   * @throws {ConfigError} As `create`.
   */
  with(config: Config, changes: Input): Config;

  /**
   * Checks a config that was assembled by hand, for instance by a spread.
   * @returns The same object.
   * @throws {ConfigError} Lists the values that contradict each other or would not survive a save.
   */
  check(config: Config): Config;

  /**
   * Returns the config as `config.json` holds it: every key of the source in its spelling, and the values that changed
   * since. A config created in code is written in full.
   * @throws {ConfigError} Lists the values that contradict each other or would not be read back unchanged.
   */
  toJSON(config: Config): Record<string, unknown>;

  /**
   * Returns the text of the file: `toJSON`, indented by two spaces. Floats with whole values are written `1.0`, since
   * transformers 5 refuses `1` where it expects a float: write files with this, not with `JSON.stringify`.
   * @throws {ConfigError} As `toJSON`.
   */
  stringify(config: Config): string;

  /** Returns the role of a JSON key: how it is used, or why it is not. `undefined` for an unsupported key. */
  explain(key: string): KeyRole | undefined;

  /** The definitions that this one extends, then its own. @internal */
  readonly levels: readonly ConfigLevel[];
}

/** Role of a key of the file. */
export type KeyRole =
  | { readonly role: "field"; readonly field: string }
  | { readonly role: "restricted" }
  | { readonly role: "ignored"; readonly reason: string };

/** Type of the config that a definition creates: `type AfmoeConfig = ConfigOf<typeof afmoeConfig>`. */
export type ConfigOf<D extends { parse(json: unknown): object }> = ReturnType<D["parse"]>;

/** Values that a key may have: a list, or a function of the finished config. */
export type Allowed<C> = readonly unknown[] | ((config: C) => readonly unknown[]);

/** One level of `extends`, with its types erased. */
export interface ConfigLevel {
  readonly fields: Fields;
  readonly keys: Readonly<Record<string, readonly [string, ...string[]]>>;
  readonly allowedValues: Readonly<Record<string, Allowed<JsonObject>>>;
  readonly ignored: Readonly<Record<string, string>>;
  readonly inert: readonly string[];
  readonly derive: ((config: JsonObject, given: JsonObject) => object) | undefined;
  readonly check: ((config: JsonObject, report: Report) => void) | undefined;
}
