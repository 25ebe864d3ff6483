/** Reads the parts of `tokenizer.json` that come in kinds: normalizers, pre-tokenizers, post-processors, decoders. */

import { badValue, Fields } from "./fields.js";

/** How deep sequences may lie in sequences. */
const MAX_DEPTH = 32;
/** Parts that a sequence may have, those of the sequences in it included: each goes over the whole text. */
const MAX_PARTS = 256;

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
export function readPart<T>(value: unknown, where: string, parts: PartKinds<T>): T | undefined {
  return readNested(value, where, parts, { depth: 0, count: 0 });
}

/** Where in nested sequences a part lies, and how many there are in all so far. */
interface Nesting {
  readonly depth: number;
  count: number;
}

function readNested<T>(value: unknown, where: string, parts: PartKinds<T>, nesting: Nesting): T | undefined {
  if (value === null || value === undefined) return undefined;
  const fields = new Fields(value, where);
  const type = fields.get("type");
  if (type === "Sequence") {
    if (nesting.depth >= MAX_DEPTH) throw badValue(where, `sequences at most ${MAX_DEPTH} deep`, "a deeper one");
    const list = fields.array(parts.listKey);
    nesting.count += list.length;
    if (nesting.count > MAX_PARTS) throw badValue(where, `at most ${MAX_PARTS} parts`, nesting.count);
    const inner = { depth: nesting.depth + 1, count: nesting.count };
    const read = list.map((entry, i) => {
      const at = `${fields.at(parts.listKey)}[${i}]`;
      const part = readNested(entry, at, parts, inner);
      if (part === undefined) throw badValue(at, "a JSON object", entry);
      return part;
    });
    nesting.count = inner.count;
    return parts.sequence(read);
  }
  const read = typeof type === "string" ? parts.kinds.get(type) : undefined;
  if (read === undefined) {
    throw badValue(fields.at("type"), `one of Sequence, ${[...parts.kinds.keys()].join(", ")}`, type);
  }
  return read(fields);
}
