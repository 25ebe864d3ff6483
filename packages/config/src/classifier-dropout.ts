import type { CompoundField } from "./config-definition.js";
import { show } from "./config-error.js";
import { type JsonObject, own } from "./json.js";

/** Default of transformers for configs with neither key. */
const DEFAULT = 0.1;

const KEYS = ["classifier_dropout", "hidden_dropout"] as const;

const EXPECTED = "a number of at least 0 and below 1";

/** The field `classifierDropout`: `classifier_dropout` if the file has it, else `hidden_dropout`, else 0.1, as in transformers. */
export function classifierDropout(): CompoundField<number, number | null> {
  return {
    keys: KEYS,
    read(json, _config, report) {
      const key = KEYS.find((name) => (own(json, name) ?? null) !== null);
      if (key === undefined) return DEFAULT;
      const value = own(json, key);
      if (isProbability(value)) return value;
      // Only a token classifier of transformers reads it.
      report(key, { expected: EXPECTED, got: show(value), tolerated: true });
      return DEFAULT;
    },
    accept(input, _config, report) {
      const value = input ?? DEFAULT;
      if (isProbability(value)) return value;
      report("classifierDropout", { expected: EXPECTED, got: show(value) });
      return DEFAULT;
    },
    write(value, json) {
      const isGiven = KEYS.some((name) => (own(json, name) ?? null) !== null);
      const changes: JsonObject = isGiven || value !== DEFAULT ? { classifier_dropout: value } : {};
      return changes;
    },
  };
}

function isProbability(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < 1;
}
