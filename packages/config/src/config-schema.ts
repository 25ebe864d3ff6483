import { checkOptions } from "@mixtape/errors";
import type { ConfigLevel, KeyRole, ParseOptions } from "./config-definition.js";
import { ConfigError, type ConfigIssue, show } from "./config-error.js";
import { type Refusal, refusals } from "./inherited-keys.js";
import { copyJson, isObject, type JsonObject, own, sameJson } from "./json.js";
import { KeyTable } from "./key-table.js";

/** Key of a config's source. Enumerable, so that a spread copies it; JSON and `Object.keys` skip symbols. */
const SOURCE = Symbol.for("mixtape.config.source");

interface Source {
  readonly json: JsonObject;
  /**
   * Created in code: issues use its camelCase names, and it is written with all fields, not only with the given ones.
   */
  readonly inCode: boolean;
  readonly ignore: readonly string[];
  /** Whether issues that transformers tolerates are warnings. */
  readonly tolerates: boolean;
  /** The file's name in errors. */
  readonly file: string;
  /** Issues that a lenient definition ignored while reading. */
  readonly unusable?: readonly UnusableValue[];
}

const IN_CODE = { inCode: true, ignore: [], tolerates: false };

/** Per field: a list of a million invalid items needs no million lines. */
const MOST_ISSUES = 100;

type Reporter = (key: string, issue: Omit<ConfigIssue, "key">) => void;

/** An invalid value of a file. The config has no value for its field. */
export interface UnusableValue extends ConfigIssue {
  /** The field that the key belongs to, in camelCase; the key itself if it belongs to no field. */
  readonly field: string;
}

/** Returns the file that a config was read from and its invalid values; undefined for a config created in code. */
export function readFrom(
  config: object,
): { readonly file: string; readonly unusable: readonly UnusableValue[] } | undefined {
  const source = (config as { readonly [SOURCE]?: Source })[SOURCE];
  return source && !source.inCode ? { file: source.file, unusable: source.unusable ?? [] } : undefined;
}

/** Creates an empty config for a file that could not be read at all, as {@link readFrom} reports. */
export function unreadableConfig(file: string, { expected, got, fix }: Omit<ConfigIssue, "key">): object {
  const unusable = [{ key: "the whole file", field: "", expected, got, ...(fix && { fix }) }];
  const source: Source = { json: {}, inCode: false, ignore: [], tolerates: false, file, unusable };
  return { [SOURCE]: source };
}

/** The untyped half of a config definition: reads, creates and writes. */
export class ConfigSchema {
  readonly #keys: KeyTable;
  /** Name of a config created in code, for errors. */
  readonly #name: string;
  /** Whether invalid values of a file are ignored and remembered rather than refused. */
  readonly #lenient: boolean;

  constructor(
    readonly modelType: string | undefined,
    readonly file: string,
    readonly levels: readonly ConfigLevel[],
    { name, lenient = false }: { readonly name?: string | undefined; readonly lenient?: boolean | undefined } = {},
  ) {
    this.#keys = new KeyTable(levels);
    this.#name = name ?? (modelType === undefined ? file : `${modelType} config`);
    this.#lenient = lenient;
  }

  parse(json: unknown, options: ParseOptions = {}): JsonObject {
    checkOptions("parse", options, { file: true, ignore: true, onWarning: true });
    const { file = this.file, ignore = [], onWarning } = options;
    let copy: unknown;
    try {
      copy = copyJson(json);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new ConfigError(file, [{ key: "the whole file", expected: "JSON", got: error.message }]);
    }
    if (!isObject(copy))
      throw new ConfigError(file, [{ key: "the whole file", expected: "an object", got: show(copy) }]);
    const source = { json: copy, inCode: false, ignore, tolerates: onWarning !== undefined, file };
    return this.#assemble(file, source, {}, onWarning);
  }

  create(input: JsonObject): JsonObject {
    const { modelType: _, ...fields } = input;
    return this.#assemble(this.#name, { json: this.#empty(), ...IN_CODE, file: this.#name }, fields);
  }

  with(config: JsonObject, changes: JsonObject): JsonObject {
    const source = sourceOf(config);
    return this.#assemble(this.#name, { ...source, json: this.#rewrite(config, source, false) }, changes);
  }

  toJSON(config: JsonObject): Record<string, unknown> {
    const source = sourceOf(config);
    return structuredClone({ ...this.#rewrite(config, source, source.inCode) });
  }

  stringify(config: JsonObject): string {
    const lines = Object.entries(this.toJSON(config)).map(([key, value]) => {
      const isFloat = typeof value === "number" && Number.isInteger(value) && this.#keys.isFraction(key);
      const text = isFloat ? value.toFixed(1) : JSON.stringify(value, null, 2).replaceAll("\n", "\n  ");
      return `  ${JSON.stringify(key)}: ${text}`;
    });
    return `{\n${lines.join(",\n")}\n}\n`;
  }

  explain(key: string): KeyRole | undefined {
    if (key === "model_type" && this.modelType !== undefined) return { role: "field", field: "modelType" };
    return this.#keys.role(key);
  }

  #empty(): JsonObject {
    return this.modelType === undefined ? {} : { model_type: this.modelType };
  }

  /** Builds a config from a file's keys; fields in `input` replace the file's. */
  #assemble(file: string, source: Source, input: JsonObject, onWarning?: (issue: ConfigIssue) => void): JsonObject {
    const issues: ConfigIssue[] = [];
    const unusable: UnusableValue[] = [];
    const report: Reporter = (key, issue) => {
      const named = { key: source.inCode ? key : this.#keys.spell(key, source.json, input), ...issue };
      const field = rootOf(key);
      if (this.#lenient && !source.inCode && !Object.hasOwn(input, field)) unusable.push({ ...named, field });
      else if (issue.tolerated && source.tolerates) onWarning?.(named);
      else issues.push(named);
    };
    const throwIssues = () => {
      const [first, ...more] = issues;
      if (first) throw new ConfigError(file, [first, ...more]);
    };

    const readable = this.#lenient ? without(source.json, source.ignore) : source.json;
    this.#refuseKeys({ ...source, json: readable }, report);
    const read = this.#readFields(readable, input, report);
    throwIssues();

    const config = this.#derive(read);
    this.#refuseOverruled(input, read, config, report);
    this.#refuseFixed({ ...source, json: readable }, config, report);
    for (const { check } of this.levels) check?.(config, report);
    throwIssues();

    const json = this.#write(config, source.json, (name) => Object.hasOwn(input, name));
    const kept: Source = { ...source, json: Object.freeze(json), unusable };
    const unset = unusable.map(({ field }) => field);
    return { ...without(config, unset), [SOURCE]: kept };
  }

  /** Reports unknown keys, another model's type, and values that a key may never have. */
  #refuseKeys(source: Source, report: Reporter): void {
    const { json } = source;
    const ignored = new Set(source.ignore);
    if (this.modelType !== undefined && own(json, "model_type") !== this.modelType) {
      report("model_type", { expected: show(this.modelType), got: show(own(json, "model_type")) });
    }
    for (const key of Object.keys(json)) {
      // A lenient file may hold anything: the reference keeps such keys and reads none of them.
      if (this.#lenient || this.explain(key) !== undefined || ignored.has(key)) continue;
      const near = this.#keys.nearest(key);
      report(key, {
        expected: `a key of ${near ? `the ${this.#name}, such as ${near}` : `the ${this.#name}`}`,
        got: `${show(key)}: ${show(own(json, key))}`,
        fix: {
          option: "ignore",
          value: [key],
          text: (option) => `If it does not change what the model computes, pass ${option}`,
        },
        tolerated: true,
      });
    }
    for (const [key, allowed] of this.#keys.allowedValues) {
      if (typeof allowed !== "function") this.#refuseValue(source, key, allowed, report);
    }
  }

  #refuseFixed(source: Source, config: JsonObject, report: Reporter): void {
    for (const [key, allowed] of this.#keys.allowedValues) {
      if (typeof allowed === "function") this.#refuseValue(source, key, allowed(config), report);
    }
  }

  #refuseValue({ json, ignore }: Source, key: string, allowed: readonly unknown[], report: Reporter): void {
    if (!Object.hasOwn(json, key) || ignore.includes(key) || allowed.some((value) => sameJson(value, json[key])))
      return;
    const isInert = this.#keys.isInert(key);
    const {
      reason = "other values need computations that are not implemented",
      fix,
      got,
    }: Partial<Refusal> = refusals[key] ?? {};
    report(key, {
      expected: `${allowed.map(show).join(" or ")}${isInert ? "" : `, since ${reason}`}`,
      got: got?.(json[key]) ?? show(json[key]),
      ...(fix && { fix }),
      ...(isInert && { tolerated: true }),
    });
  }

  #readFields(json: JsonObject, input: JsonObject, report: Reporter): JsonObject {
    const read: Record<string, unknown> = {};
    for (const [name, field] of this.#keys.plainFields) {
      const value = Object.hasOwn(input, name) ? input[name] : this.#keys.pick(name, json, report);
      const result = field.safeParse(value);
      const isInert = this.#keys.isInert(name);
      if (result.success) read[name] = result.data;
      else if (isInert) read[name] = field.safeParse(undefined).data;
      for (const issue of (result.error?.issues ?? []).slice(0, MOST_ISSUES)) {
        const path = issue.path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
        const got = show(valueAt(value, issue.path));
        report(name + path, { expected: issue.message, got, ...(isInert && { tolerated: true }) });
      }
    }
    const plain: JsonObject = { ...read };
    for (const [name, field] of this.#keys.compoundFields) {
      read[name] = Object.hasOwn(input, name)
        ? field.accept(input[name], plain, report)
        : field.read(json, plain, report);
    }
    return read;
  }

  #derive(read: JsonObject): JsonObject {
    const config: Record<string, unknown> = { ...read };
    if (this.modelType !== undefined) config.modelType = this.modelType;
    for (const { fields, derive } of this.levels) {
      for (const name of Object.keys(fields)) config[name] = read[name] ?? config[name];
      Object.assign(config, derive?.(config, read));
    }
    return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
  }

  /** Reports fields given in code that other fields overrule or that are unknown: they must not be dropped silently. */
  #refuseOverruled(input: JsonObject, read: JsonObject, config: JsonObject, report: Reporter): void {
    for (const name of Object.keys(input)) {
      const isField = this.#keys.field(name);
      const given = isField ? read[name] : input[name];
      if (!isField && !Object.hasOwn(config, name)) {
        report(name, { expected: `a field of the ${this.#name}`, got: show(name) });
      } else if (given !== undefined && given !== null && !sameJson(given, config[name])) {
        report(name, { expected: `${show(config[name])}, as derived from the other fields`, got: show(given) });
      }
    }
  }

  /** Returns the source with the values that changed since, such that it reads back as the config. */
  #rewrite(config: JsonObject, source: Source, complete: boolean): JsonObject {
    this.#acceptCompounds(config);
    const base: JsonObject = { ...source.json, ...this.#empty() };
    const original = this.#tryAssemble({ ...source, json: base });
    const isMissing = (name: string) => !this.#keys.keysOf(name).some((key) => Object.hasOwn(base, key));
    const chosen = new Set(this.#differences(config, original));
    if (complete) for (const name of this.#keys.names()) if (isMissing(name)) chosen.add(name);

    // A value that the source omits may be derived from one that changed: then it has to be written too.
    const draft = this.#write(config, base, (name) => chosen.has(name));
    for (const name of this.#differences(config, this.#tryAssemble({ ...source, json: draft }))) chosen.add(name);
    const json = this.#write(config, base, (name) => chosen.has(name));

    const again = this.#assemble(this.#name, { ...source, json, inCode: source.inCode || !this.#lenient }, {});
    const refused = sourceOf(again).unusable?.filter(({ field }) => chosen.has(field)) ?? [];
    if (refused[0]) throw new ConfigError(this.#name, [refused[0], ...refused.slice(1)]);
    const [first, ...more] = this.#differences(config, again).map((name) => this.#difference(name, config, again));
    if (first) throw new ConfigError(this.#name, [first, ...more]);
    return json;
  }

  /** Explains why a value would not be read back. */
  #difference(name: string, config: JsonObject, again: JsonObject): ConfigIssue {
    const got = show(config[name]);
    if (this.#keys.field(name) || Object.hasOwn(again, name))
      return { key: name, expected: `${show(again[name])}, as derived from the other fields`, got };
    return {
      key: name,
      expected: `a field of the ${this.#name}`,
      got: `${show(name)}: ${got}`,
      fix: "If your family adds config fields, give it its own config definition",
    };
  }

  /** A config assembled by hand can hold anything, and a compound field writes only what it would accept. */
  #acceptCompounds(config: JsonObject): void {
    const issues: ConfigIssue[] = [];
    for (const [name, field] of this.#keys.compoundFields) {
      const accepted = field.accept(config[name], config, (key, issue) => issues.push({ key, ...issue }));
      if (issues.length > 0 || sameJson(accepted, config[name])) continue;
      issues.push({ key: name, expected: show(accepted), got: show(config[name]) });
    }
    const [first, ...more] = issues;
    if (first) throw new ConfigError(this.#name, [first, ...more]);
  }

  /** Returns the names of the fields in which two configs differ; all of the first config's if there is no second. */
  #differences(config: JsonObject, other: JsonObject | undefined): string[] {
    return Object.keys({ ...other, ...config }).filter((name) => !other || !sameJson(config[name], other[name]));
  }

  #tryAssemble(source: Source): JsonObject | undefined {
    try {
      return this.#assemble(this.#name, source, {});
    } catch (error) {
      if (error instanceof ConfigError) return undefined;
      throw error;
    }
  }

  /** Returns `json` with the chosen fields set from the config. */
  #write(config: JsonObject, json: JsonObject, isChosen: (name: string) => boolean): JsonObject {
    const edits: [string, unknown][] = [];
    for (const name of this.#keys.plainFields.keys()) {
      if (!isChosen(name)) continue;
      const keys = this.#keys.keysOf(name);
      const present = keys.filter((key) => Object.hasOwn(json, key));
      for (const key of present.length ? present : keys.slice(0, 1)) edits.push([key, config[name]]);
    }
    for (const [name, field] of this.#keys.compoundFields) {
      if (isChosen(name)) edits.push(...Object.entries(field.write(config[name], json)));
    }
    const entries = Object.entries({ ...json, ...Object.fromEntries(edits) });
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }
}

function sourceOf(config: JsonObject): Source {
  const source = (config as { readonly [SOURCE]?: Source })[SOURCE];
  return source ?? { json: {}, ...IN_CODE, file: "" };
}

/** Returns the field of a path: `eosTokenId` of `eosTokenId[1]`. */
function rootOf(path: string): string {
  return path.split(/[.[]/, 1)[0] ?? path;
}

function without(object: JsonObject, keys: readonly string[]): JsonObject {
  if (keys.length === 0) return object;
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown> | undefined)?.[step], value);
}
