import { getItem } from "../python/attributes.js";
import type { Runtime } from "../runtime.js";
import { asInt, asText, Markup, Undefined, type Value } from "../values.js";

type Getter = (item: Value) => Value;

interface GetterOptions {
  /** Default for values that are missing along the path. */
  readonly fallback?: Value | undefined;
  /** Lower-cases strings, for case-insensitive comparisons. */
  readonly ignoreCase?: boolean;
}

/** Reads an attribute by its path, such as `function.name` or `0`; the item itself without a path. */
export function attributeGetter(
  attribute: Value | undefined,
  runtime: Runtime,
  { fallback, ignoreCase = false }: GetterOptions = {},
): Getter {
  const parts = pathOf(attribute);
  return (item) => {
    let value = item;
    for (const part of parts) {
      value = getItem(value, part, runtime.budget);
      if (fallback !== undefined && fallback !== null && value instanceof Undefined) value = fallback;
    }
    return ignoreCase ? lower(value) : value;
  };
}

/** Reads several attributes, with commas between their paths, as one list. */
export function attributesGetter(attribute: Value | undefined, runtime: Runtime, options: GetterOptions): Getter {
  const text = asText(attribute);
  const getters = (text === undefined ? [attribute] : text.split(",")).map((path) =>
    attributeGetter(path, runtime, options),
  );
  return (item) => getters.map((getter) => getter(item));
}

function pathOf(attribute: Value | undefined): Value[] {
  if (attribute === undefined || attribute === null) return [];
  const text = asText(attribute);
  if (text === undefined) return [asInt(attribute) ?? attribute];
  return text.split(".").map((part) => (/^\p{Nd}+$/u.test(part) ? BigInt(part) : part));
}

/** Lower-cases strings and returns other values unchanged. */
function lower(value: Value): Value {
  if (typeof value === "string") return value.toLowerCase();
  return value instanceof Markup ? new Markup(value.text.toLowerCase()) : value;
}
