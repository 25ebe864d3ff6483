/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Deeper than any config nests, and shallow enough that no recursive reader overflows the stack. */
const MAX_DEPTH = 64;

/**
 * Returns a frozen copy of a JSON value. Numbers that are not finite stay, since Python may write them under keys that
 * nothing reads; they are written as null.
 *
 * @throws {TypeError} If the value is not JSON: functions, cycles, nesting deeper than 64.
 */
export function copyJson(value: unknown, depth = 0): unknown {
  if (value === null || ["string", "boolean", "number"].includes(typeof value)) return value;
  if (typeof value !== "object") throw new TypeError(`a ${typeof value}`);
  if (depth === MAX_DEPTH) throw new TypeError(`a value nested more than ${MAX_DEPTH} deep`);
  if (Array.isArray(value)) return Object.freeze(value.map((item) => copyJson(item, depth + 1)));
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.freeze(Object.fromEntries(entries.map(([key, item]) => [key, copyJson(item, depth + 1)])));
}

/** Whether two JSON-like values are equal. A key that holds `undefined` counts as absent. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b) || (a === 0 && b === 0)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  return Object.keys({ ...a, ...b }).every((key) => sameJson(own(a, key), own(b, key)));
}

/**
 * Returns the value under an own key, and `undefined` for one that the object only inherits (`constructor`,
 * `__proto__`).
 */
export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Converts `numExpertsPerTok` to `num_experts_per_tok`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Converts `num_experts_per_tok` to `numExpertsPerTok`. */
export function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
