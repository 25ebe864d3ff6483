/** Reads the parts of `tokenizer.json` that come in kinds: normalizers, pre-tokenizers, post-processors, decoders. */

import { badValue, Fields } from "./fields.js";

/** How deep sequences may lie in sequences. */
const MAX_DEPTH = 32;

/** Makes a part from its fields. */
export type ReadPart<T> = (fields: Fields) => T;

/** What to read: the kinds by their `type`, and the key under which a `Sequence` has its parts. */
export interface PartKinds<T> {
  readonly kinds: ReadonlyMap<string, ReadPart<T>>;
  readonly listKey: string;
  readonly sequence: (parts: readonly T[]) => T;
}

/**
 * Reads a part.
 * @returns undefined for null and where there is none
 * @throws {TokenizerError} for a kind that is not known, or a field that is not as it must be
 */
export function readPart<T>(value: unknown, where: string, parts: PartKinds<T>, depth = 0): T | undefined {
  if (value === null || value === undefined) return undefined;
  const fields = new Fields(value, where);
  const type = fields.get("type");
  if (type === "Sequence") {
    if (depth >= MAX_DEPTH) throw badValue(where, `sequences at most ${MAX_DEPTH} deep`, "a deeper one");
    const list = fields.array(parts.listKey);
    return parts.sequence(
      list.map((entry, i) => {
        const at = `${fields.at(parts.listKey)}[${i}]`;
        const part = readPart(entry, at, parts, depth + 1);
        if (part === undefined) throw badValue(at, "a JSON object", entry);
        return part;
      }),
    );
  }
  const read = typeof type === "string" ? parts.kinds.get(type) : undefined;
  if (read === undefined) {
    throw badValue(fields.at("type"), `one of Sequence, ${[...parts.kinds.keys()].join(", ")}`, type);
  }
  return read(fields);
}
