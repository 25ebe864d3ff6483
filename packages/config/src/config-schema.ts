import type { CompoundField, Field, KeyRole, Layer, ParseOptions } from "./config-definition.js";
import { ConfigError, type Fault, show } from "./config-error.js";
import { copyJson, isObject, type JsonObject, own, sameJson, snakeCase } from "./json.js";
import { KeyTable } from "./key-table.js";

/** Where a config keeps what it was read from. Enumerable, so that a spread copies it; JSON and `Object.keys` pass it by. */
const SOURCE = Symbol.for("mixtape.config.source");

interface Source {
  readonly json: JsonObject;
  /** Made in code: written with all its fields, not only with those that were given. */
  readonly complete: boolean;
  readonly ignore: readonly string[];
}

/** The untyped half of a config definition: reads, makes and writes. */
export class ConfigSchema {
  readonly #keys: KeyTable;
  readonly #name: string;

  constructor(
    readonly modelType: string | undefined,
    readonly layers: readonly Layer[],
  ) {
    this.#keys = new KeyTable(layers);
    this.#name = modelType === undefined ? "config" : `${modelType} config`;
  }

  parse(json: unknown, { file = "config.json", ignore = [] }: ParseOptions = {}): JsonObject {
    let copy: unknown;
    try {
      copy = copyJson(json);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new ConfigError(file, [{ key: "the whole file", expected: "JSON", got: error.message }]);
    }
    if (!isObject(copy)) throw new ConfigError(file, [{ key: "the whole file", expected: "an object", got: show(copy) }]);
    return this.#assemble(file, { json: copy, complete: false, ignore }, {});
  }

  create(input: JsonObject): JsonObject {
    const { modelType: _, ...fields } = input;
    return this.#assemble(this.#name, { json: this.#empty(), complete: true, ignore: [] }, fields);
  }

  with(config: JsonObject, changes: JsonObject): JsonObject {
    const source = sourceOf(config);
    return this.#assemble(this.#name, { ...source, json: this.#rewrite(config, source, false) }, changes);
  }

  toJSON(config: JsonObject): Record<string, unknown> {
    const source = sourceOf(config);
    return structuredClone({ ...this.#rewrite(config, source, source.complete) });
  }

  explain(key: string): KeyRole | undefined {
    if (key === "model_type" && this.modelType !== undefined) return { role: "field", field: "modelType" };
    return this.#keys.role(key);
  }

  #empty(): JsonObject {
    return this.modelType === undefined ? {} : { model_type: this.modelType };
  }

  /** A config out of a file's keys, with the fields in `input` taking the place of the file's. */
  #assemble(file: string, source: Source, input: JsonObject): JsonObject {
    const faults: Fault[] = [];
    const throwIfAny = () => {
      const [first, ...more] = faults;
      if (first) throw new ConfigError(file, [first, ...more]);
    };
    const report = (key: string, fault: Omit<Fault, "key">) => {
      faults.push({ key: this.#keys.spell(key, source.json, input), ...fault });
    };

    this.#refuseKeys(source, input, report);
    const read = this.#readFields(source.json, input, report);
    throwIfAny();

    const config = this.#derive(read);
    this.#refuseOverridden(input, read, config, report);
    this.#refuseFixed(source.json, config, report);
    for (const { check } of this.layers) check?.(config, report);
    throwIfAny();

    const json = this.#write({ ...config, [SOURCE]: source }, source.json, (name) => Object.hasOwn(input, name));
    return { ...config, [SOURCE]: { ...source, json: Object.freeze(json) } };
  }

  /** Unknown keys, unknown fields, another model's type, a value that a key may never have. */
  #refuseKeys({ json, ignore }: Source, input: JsonObject, report: Reporter): void {
    if (this.modelType !== undefined && own(json, "model_type") !== this.modelType) {
      report("model_type", { expected: show(this.modelType), got: show(own(json, "model_type")) });
    }
    for (const key of Object.keys(json)) {
      if (this.explain(key) !== undefined || ignore.includes(key)) continue;
      const near = this.#keys.nearest(key);
      report(key, {
        expected: `a key that a ${this.#name} has`,
        got: `${show(key)}: ${show(own(json, key))}`,
        fix: `${near ? `Did you mean ${near}? ` : ""}If it does not change what the model computes, pass ignore: [${show(key)}]`,
      });
    }
    for (const name of Object.keys(input)) {
      if (this.#keys.field(name) || this.#derives(name)) continue;
      report(name, { expected: `a field of a ${this.#name}`, got: show(name) });
    }
    for (const [key, allowed] of this.#keys.fixed) {
      if (typeof allowed !== "function") this.#refuseValue(json, key, allowed, report);
    }
  }

  #refuseFixed(json: JsonObject, config: JsonObject, report: Reporter): void {
    for (const [key, allowed] of this.#keys.fixed) {
      if (typeof allowed === "function") this.#refuseValue(json, key, allowed(config), report);
    }
  }

  #refuseValue(json: JsonObject, key: string, allowed: readonly unknown[], report: Reporter): void {
    if (!Object.hasOwn(json, key) || allowed.some((value) => sameJson(value, json[key]))) return;
    report(key, {
      expected: `${allowed.map(show).join(" or ")}, the only maths that ${this.modelType ?? "this"} does here`,
      got: show(json[key]),
    });
  }

  #readFields(json: JsonObject, input: JsonObject, report: Reporter): Record<string, unknown> {
    const read: Record<string, unknown> = {};
    for (const [name, field] of this.#keys.plainFields) {
      const value = Object.hasOwn(input, name) ? input[name] : this.#keys.pick(name, json, report);
      const result = field.safeParse(value);
      if (result.success) read[name] = result.data;
      for (const issue of result.error?.issues ?? []) {
        const path = issue.path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
        report(name + path, { expected: issue.message, got: show(valueAt(value, issue.path)) });
      }
    }
    const plain: JsonObject = { ...read };
    for (const [name, field] of this.#keys.compoundFields) {
      read[name] = Object.hasOwn(input, name)
        ? field.accept(input[name] as never, plain, report)
        : field.read(json, plain, report);
    }
    return read;
  }

  #derive(read: JsonObject): Record<string, unknown> {
    const config: Record<string, unknown> = { ...read };
    if (this.modelType !== undefined) config.modelType = this.modelType;
    for (const { fields, derive } of this.layers) {
      for (const name of Object.keys(fields)) config[name] = read[name] ?? config[name];
      Object.assign(config, derive?.(config, read));
    }
    return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
  }

  #derives(name: string): boolean {
    return Object.hasOwn(this.#example(), name);
  }

  /** A config made of defaults alone, to learn what `derive` returns. */
  #example(): JsonObject {
    this.#cachedExample ??= this.#derive(this.#readFields(this.#empty(), {}, () => {}));
    return this.#cachedExample;
  }
  #cachedExample: JsonObject | undefined;

  /** What was asked for in code and then overruled by `derive` must not vanish in silence. */
  #refuseOverridden(input: JsonObject, read: JsonObject, config: JsonObject, report: Reporter): void {
    for (const name of Object.keys(input)) {
      const given = this.#keys.field(name) ? read[name] : input[name];
      if (given === undefined || given === null || sameJson(given, config[name])) continue;
      report(name, { expected: `${show(config[name])}, which follows from the other fields`, got: show(given) });
    }
  }

  /** The source with the values that changed since, after making sure that it reads back as the config. */
  #rewrite(config: JsonObject, source: Source, complete: boolean): JsonObject {
    const base: JsonObject = { ...source.json, ...this.#empty() };
    const original = this.#assembleQuietly({ ...source, json: base });
    const changed = (name: string) => !original || !sameJson(config[name], original[name]);
    const missing = (name: string) => complete && !this.#keys.keysOf(name).some((key) => Object.hasOwn(base, key));
    const json = this.#write(config, base, (name) => changed(name) || missing(name));
    const again = this.#assemble(this.#name, { ...source, json }, {});
    const faults = Object.keys({ ...again, ...config })
      .filter((name) => !sameJson(config[name], again[name]))
      .map((name) => ({
        key: name,
        expected: `${show(again[name])}, which follows from the other fields`,
        got: show(config[name]),
      }));
    const [first, ...more] = faults;
    if (first) throw new ConfigError(this.#name, [first, ...more]);
    return json;
  }

  #assembleQuietly(source: Source): JsonObject | undefined {
    try {
      return this.#assemble(this.#name, source, {});
    } catch (error) {
      if (error instanceof ConfigError) return undefined;
      throw error;
    }
  }

  /** `json` with the chosen fields set from the config. */
  #write(config: JsonObject, json: JsonObject, chosen: (name: string) => boolean): JsonObject {
    const edits: [string, unknown][] = [];
    for (const [name] of this.#keys.plainFields) {
      if (!chosen(name)) continue;
      const keys = this.#keys.keysOf(name);
      const present = keys.filter((key) => Object.hasOwn(json, key));
      for (const key of present.length ? present : keys.slice(0, 1)) edits.push([key, config[name]]);
    }
    for (const [name, field] of this.#keys.compoundFields) {
      if (chosen(name)) edits.push(...Object.entries(field.write(config[name], json)));
    }
    return Object.fromEntries(Object.entries({ ...json, ...Object.fromEntries(edits) }).filter(([, v]) => v !== undefined));
  }
}

type Reporter = (key: string, fault: Omit<Fault, "key">) => void;

function sourceOf(config: JsonObject): Source {
  const source = (config as { readonly [SOURCE]?: Source })[SOURCE];
  return source ?? { json: {}, complete: true, ignore: [] };
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown> | undefined)?.[step], value);
}
