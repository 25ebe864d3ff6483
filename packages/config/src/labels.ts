import type { CompoundField, Report } from "./config-definition.js";
import { show } from "./config-error.js";
import { isObject, type JsonObject, own, sameJson } from "./json.js";

/** Name of each class, by its index. */
export type Labels = Readonly<Record<number, string>>;

/** More than any label set: a number beyond it is a mistake, and would exhaust memory with names. */
export const MAX_LABELS = 1_000_000;

/** Returns `LABEL_0`, `LABEL_1`…, as transformers names classes without names. */
export function defaultLabels(count: number): Labels {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [i, `LABEL_${i}`]));
}

/** The field `id2label`: indices to names, from `id2label` or its inverse `label2id`. Null if the file has neither. */
export function labels(): CompoundField<Labels | null> {
  return {
    keys: ["id2label", "label2id"],
    read(json, _config, report) {
      const names = readLabels(json, (key, fault) => report(key, { ...fault, tolerated: true }));
      const count = own(json, "num_labels") ?? null;
      if (names && count !== null && count !== Object.keys(names).length) {
        const expected = `${Object.keys(names).length}, the number of names in id2label`;
        report("numLabels", { expected, got: show(count), tolerated: true });
      }
      return names;
    },
    accept(input = null, _config, report) {
      if (input === null || isLabels(input)) return input && numbered(input);
      report("id2label", { expected: EXPECTED, got: show(input) });
      return null;
    },
    write(value, json) {
      if (value === null) return { id2label: undefined, label2id: undefined };
      const label2id = Object.fromEntries(Object.entries(value).map(([id, label]) => [label, Number(id)]));
      return Object.hasOwn(json, "id2label") || !Object.hasOwn(json, "label2id")
        ? { id2label: value, label2id }
        : { label2id };
    },
  };
}

/**
 * Reads names from either key. transformers reads neither unless a classifier asks for them, and `id2label` takes
 * precedence.
 */
function readLabels(json: JsonObject, report: Report): Labels | null {
  const forward = own(json, "id2label") ?? null;
  const backward = own(json, "label2id") ?? null;
  if (forward !== null && !isLabels(forward)) {
    report("id2label", { expected: EXPECTED, got: show(forward) });
    return null;
  }
  if (backward === null) return forward && numbered(forward);
  if (!isObject(backward) || !isLabels(invert(backward))) {
    report("label2id", { expected: "an object that gives names the indices 0, 1, 2…", got: show(backward) });
    return forward && numbered(forward);
  }
  if (forward !== null && !sameJson(forward, invert(backward))) {
    report("label2id", { expected: "the inverse of id2label", got: show(backward), fix: "Remove one of the two" });
  }
  return numbered(forward ?? invert(backward));
}

const EXPECTED = "an object of names by the indices 0, 1, 2…, each name once";

function isLabels(value: unknown): value is JsonObject & Labels {
  if (!isObject(value)) return false;
  const names = Object.values(value);
  return (
    names.length > 0 &&
    names.every((name, i) => typeof name === "string" && Object.hasOwn(value, String(i))) &&
    new Set(names).size === names.length
  );
}

function invert(label2id: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(label2id).map(([label, id]) => [String(id), label]));
}

/** Returns a copy with keys in ascending order and a normal prototype. */
function numbered(value: JsonObject | Labels): Labels {
  return { ...(value as Labels) };
}
