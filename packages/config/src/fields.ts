/**
 * Kinds of config values, as zod schemas. A schema's message is the expectation as a noun phrase: the error reads
 * `num_experts: expected an integer of at least 1, got 0`.
 */
// Not `{ z }`, here and elsewhere: with it, a bundle holds messages in forty languages that nobody reads.
import * as z from "zod";

/** An integer from `min` (default: 1) to `max`. */
export function int({ min = 1, max }: { min?: number; max?: number } = {}) {
  const error = max === undefined ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`;
  return z
    .int({ error })
    .min(min, { error })
    .max(max ?? Number.MAX_SAFE_INTEGER, { error });
}

/** A finite number, optionally with exclusive (`above`, `below`) or inclusive (`min`, `max`) bounds. */
export function number({ min, max, above, below }: NumberBounds = {}) {
  const isRange = min !== undefined && max !== undefined;
  const bounds = [
    isRange ? `from ${min} to ${max}` : "",
    above === undefined ? "" : `above ${above}`,
    min === undefined || isRange ? "" : `of at least ${min}`,
    below === undefined ? "" : `below ${below}`,
    max === undefined || isRange ? "" : `of at most ${max}`,
  ].filter(Boolean);
  const error = `a number${bounds.length ? ` ${bounds.join(" and ")}` : ""}`;
  return z
    .number({ error })
    .gt(above ?? -Infinity, { error })
    .gte(min ?? -Infinity, { error })
    .lt(below ?? Infinity, { error })
    .lte(max ?? Infinity, { error });
}

/** Bounds of a number. */
export interface NumberBounds {
  /** Inclusive lower bound. */
  readonly min?: number;
  /** Inclusive upper bound. */
  readonly max?: number;
  /** Exclusive lower bound. */
  readonly above?: number;
  /** Exclusive upper bound. */
  readonly below?: number;
}

/** `true` or `false`. */
export function bool() {
  return z.boolean({ error: "true or false" });
}

/** Any string. */
export function string() {
  return z.string({ error: "a string" });
}

/** One of the given strings. */
export function oneOf<const T extends readonly [string, ...string[]]>(...values: T) {
  return z.enum(values, { error: `one of ${values.map((v) => JSON.stringify(v)).join(", ")}` });
}

/** A list. */
export function listOf<T extends z.ZodType>(item: T, what: string) {
  return z.array(item, { error: `a list of ${what}` }).readonly();
}

/** A token id; with `negative`, also an integer below 0, which no token has. */
export function tokenId({ negative = false }: { readonly negative?: boolean } = {}) {
  const error = "a token id, which is an integer of at least 0, or null for none";
  return z.int({ error }).min(negative ? Number.MIN_SAFE_INTEGER : 0, { error });
}

/** The id of the padding token: old configs have -1, which torch takes for the last row of the embedding. */
export function paddingId() {
  return z.int({ error: "a token id, which is an integer, or null for none" });
}

/** The ids of one token or of several. */
export function tokenIds(options: { readonly negative?: boolean } = {}) {
  const error = "a token id, a list of token ids, or null for none";
  return z.union([tokenId(options), listOf(tokenId(options), "token ids")], { error });
}

/** A field that may be omitted; `null` in a file means the same. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** A value that passes a check, such as a function or an object with methods. */
export function custom<T>(fits: (value: unknown) => boolean, expected: string): z.ZodType<T> {
  return z.custom<T>(fits, { error: expected });
}
