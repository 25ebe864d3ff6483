import * as z from "zod";
import type { Allowed, CompoundField, ConfigLevel, Field, KeyRole, Report } from "./config-definition.js";
import { show } from "./config-error.js";
import { type JsonObject, own, snakeCase } from "./json.js";

/** A compound field with its types erased. */
export type AnyCompound = CompoundField<unknown, unknown>;

/** Roles of the keys of the file, for a chain of definitions: the last definition that mentions a key decides. */
export class KeyTable {
  readonly plainFields = new Map<string, z.ZodType>();
  readonly compoundFields = new Map<string, AnyCompound>();
  readonly allowedValues = new Map<string, Allowed<JsonObject>>();
  readonly #roles = new Map<string, KeyRole>();
  readonly #spellings = new Map<string, readonly string[]>();
  readonly #inert = new Set<string>();

  constructor(layers: readonly ConfigLevel[]) {
    for (const layer of layers) {
      for (const name of layer.inert) this.#inert.add(name);
      for (const [name, keys] of Object.entries(layer.keys)) this.#spellings.set(name, keys);
      for (const [name, field] of Object.entries(layer.fields)) this.#addField(name, field);
      for (const [key, allowed] of Object.entries(layer.allowedValues)) {
        this.#refuseField(key);
        this.#roles.set(key, { role: "restricted" });
        this.allowedValues.set(key, allowed);
      }
      for (const [key, reason] of Object.entries(layer.ignored)) {
        this.#refuseField(key);
        this.#roles.set(key, { role: "ignored", reason });
        this.allowedValues.delete(key);
      }
    }
  }

  #addField(name: string, field: Field): void {
    const isCompound = "accept" in field;
    this.plainFields.delete(name);
    this.compoundFields.delete(name);
    if (isCompound) this.compoundFields.set(name, field as AnyCompound);
    else this.plainFields.set(name, field);
    for (const [key, role] of this.#roles) if (role.role === "field" && role.field === name) this.#roles.delete(key);
    for (const key of this.keysOf(name)) {
      const role = this.#roles.get(key);
      if (role?.role === "field") throw new TypeError(`Both ${role.field} and ${name} claim the key ${key}.`);
      this.#roles.set(key, { role: "field", field: name });
      this.allowedValues.delete(key);
    }
  }

  #refuseField(key: string): void {
    const role = this.#roles.get(key);
    if (role?.role === "field")
      throw new TypeError(`${key} is the key of the field ${role.field}: redeclare the field.`);
  }

  role(key: string): KeyRole | undefined {
    return this.#roles.get(key);
  }

  field(name: string): boolean {
    return this.plainFields.has(name) || this.compoundFields.has(name);
  }

  names(): string[] {
    return [...this.plainFields.keys(), ...this.compoundFields.keys()];
  }

  /** Whether a field or a restricted key does not change the model's output. */
  isInert(name: string): boolean {
    return this.#inert.has(name);
  }

  /** Returns every key that a field is read from; the first is the one that it is written to. */
  keysOf(name: string): readonly string[] {
    return this.compoundFields.get(name)?.keys ?? this.#spellings.get(name) ?? [snakeCase(name)];
  }

  /** Whether a key holds a number that need not be whole. */
  isFraction(key: string): boolean {
    const role = this.#roles.get(key);
    const field = role?.role === "field" ? this.plainFields.get(role.field) : undefined;
    return field !== undefined && allowsFractions(z.toJSONSchema(field, { io: "input", unrepresentable: "any" }));
  }

  /**
   * Returns the value of a plain field in a file. Spellings that are null or missing give way to those that are not.
   */
  pick(name: string, json: JsonObject, report: Report): unknown {
    const present = this.keysOf(name).filter((key) => Object.hasOwn(json, key));
    const [first, ...others] = present.filter((key) => json[key] !== null);
    if (first === undefined) return present.length > 0 ? null : undefined;
    for (const key of others) {
      if (JSON.stringify(json[key]) === JSON.stringify(json[first])) continue;
      report(key, {
        expected: `${show(json[first])}, the value of ${first}, which is another spelling of the same key`,
        got: show(json[key]),
        fix: "Remove one of the two",
        ...(this.isInert(name) && { tolerated: true }),
      });
    }
    return own(json, first);
  }

  /** Returns the name of a field in its source: the code's name if it was set in code, otherwise the file's key. */
  spell(path: string, json: JsonObject, input: JsonObject): string {
    const name = path.split(/[.[]/, 1)[0] ?? path;
    if (!this.field(name) || Object.hasOwn(input, name)) return path;
    const tail = path.slice(name.length);
    const located = this.compoundFields.get(name)?.locate?.(json, tail.replace(/^\./, ""));
    if (located !== undefined) return located;
    const keys = this.keysOf(name);
    return (keys.find((key) => own(json, key) != null) ?? keys[0]) + snakeCase(tail);
  }

  /** Returns the known key that differs only in case and punctuation. */
  nearest(key: string): string | undefined {
    const letters = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
    for (const known of this.#roles.keys()) if (letters(known) === letters(key)) return known;
    return undefined;
  }
}

function allowsFractions(schema: z.core.JSONSchema._JSONSchema): boolean {
  return typeof schema === "object" && (schema.type === "number" || (schema.anyOf ?? []).some(allowsFractions));
}
