/** Reads the polymorphic parts of `tokenizer.json`: normalizers, pre-tokenizers, post-processors, decoders. */

import { badValue, Fields } from "./fields.js";

/** Maximum nesting of sequences. */
const MAX_DEPTH = 32;
/** Maximum number of parts of a sequence, nested ones included: each visits the whole text. */
const MAX_PARTS = 256;

/** Creates a part from its fields. */
export type ReadPart<T> = (fields: Fields) => T;

/** The kinds of a part by their `type`, and the key of a `Sequence`'s parts. */
export interface PartKinds<T> {
  readonly kinds: ReadonlyMap<string, ReadPart<T>>;
  readonly listKey: string;
  readonly sequence: (parts: readonly T[]) => T;
}

/**
 * Reads a part.
 * @returns undefined for null or undefined
 * @throws {TokenizerError} for an unknown kind, or an invalid field
 */
export function readPart<T>(value: unknown, where: string, parts: PartKinds<T>): T | undefined {
  return readNested(value, where, parts, { depth: 0, count: 0 });
}

/** Position of a part in nested sequences, and the number of parts so far. */
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
