import { safeName } from "@mixtape/errors";
import { GgufFormatError } from "../errors.js";
import type { HeaderBytes } from "./header-bytes.js";
import type { MetadataValue, NumberArray } from "./metadata.js";

// Numbers of the value types: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, `gguf_metadata_value_type`.
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;

interface NumberType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): NumberArray;
}

const NUMBERS: ReadonlyMap<number, NumberType> = new Map<number, NumberType>([
  [0, Uint8Array],
  [1, Int8Array],
  [2, Uint16Array],
  [3, Int16Array],
  [4, Uint32Array],
  [5, Int32Array],
  [6, Float32Array],
  [10, BigUint64Array],
  [11, BigInt64Array],
  [12, Float64Array],
] as [number, NumberType][]);

/** Several times the strings of any model: tokens and merges of a large vocabulary are about 600,000. */
const MAX_STRINGS = 4_000_000;

/** Reads the value of a key: its type, then the value. */
export function readValue(bytes: HeaderBytes, key: string): MetadataValue {
  const type = bytes.u32();
  const what = `the value of ${safeName(key)}`;
  if (type !== ARRAY) return readScalar(bytes, type, what);
  const elements = bytes.u32();
  const count = bytes.length(`the length of ${safeName(key)}`);
  const Numbers = NUMBERS.get(elements);
  if (Numbers !== undefined) return readNumbers(bytes, Numbers, count, what);
  if (elements === BOOL) return Array.from(bytes.bytes(count, what), (byte) => byte !== 0);
  if (elements !== STRING)
    throw unknownType(bytes, elements, what, elements === ARRAY ? "an array of arrays" : undefined);
  bytes.checkCount(count, 8, `strings of ${safeName(key)}`);
  if (count > MAX_STRINGS)
    throw new GgufFormatError({
      where: bytes.where,
      expected: `at most ${MAX_STRINGS} strings of ${safeName(key)}`,
      got: `${count}`,
    });
  const strings: string[] = [];
  for (let i = 0; i < count; i++) strings.push(bytes.string(what));
  return strings;
}

function readScalar(bytes: HeaderBytes, type: number, what: string): MetadataValue {
  if (type === STRING) return bytes.string(what);
  if (type === BOOL) return bytes.u8() !== 0;
  const Numbers = NUMBERS.get(type);
  if (Numbers === undefined) throw unknownType(bytes, type, what);
  const value = readNumbers(bytes, Numbers, 1, what)[0]!;
  if (typeof value === "number") return value;
  const isExact = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return isExact ? Number(value) : value;
}

function readNumbers(bytes: HeaderBytes, Numbers: NumberType, count: number, what: string): NumberArray {
  const own = bytes.bytes(count * Numbers.BYTES_PER_ELEMENT, what);
  return new Numbers(own.buffer as ArrayBuffer, own.byteOffset, count);
}

function unknownType(bytes: HeaderBytes, type: number, what: string, name = `type ${type}`): GgufFormatError {
  return new GgufFormatError({
    where: bytes.where,
    expected: `${what} of a number, boolean, string, or an array of those`,
    got: name,
    fix: "This is not a GGUF file, or it is damaged",
  });
}
