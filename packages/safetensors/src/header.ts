import { bytesPerElement, DTYPES, type Dtype, isDtype } from "./dtype.js";
import { SafetensorsFormatError } from "./errors.js";
import { cut, MAX_TENSORS, quote, scanJson } from "./scan-json.js";

/** Length in bytes of the length field before the header. */
export const LENGTH_BYTES = 8;

/** Longest header that the official library reads, in bytes. */
export const MAX_HEADER_BYTES = 100_000_000;

const METADATA = "__metadata__";

/** A tensor of the header; `begin` and `end` count from the first byte after the header. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In file order. */
  readonly entries: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads the length field.
 * @param bytes the first 8 bytes of a file, or fewer if the file is shorter
 * @param fileBytes length of the file
 * @throws SafetensorsFormatError if the header is too long, or does not fit in the file.
 */
export function parseHeaderLength(bytes: Uint8Array, fileBytes: number, where: string): number {
  const truncated = "Download the file again: it is truncated, or not a safetensors file";
  if (fileBytes < LENGTH_BYTES || bytes.length < LENGTH_BYTES) {
    throw new SafetensorsFormatError({
      where,
      expected: `at least ${LENGTH_BYTES} bytes`,
      got: `${Math.min(fileBytes, bytes.length)}`,
      fix: truncated,
    });
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new SafetensorsFormatError({
      where,
      expected: `a header of at most ${MAX_HEADER_BYTES} bytes`,
      got: `${length}`,
      fix: "This is not a safetensors file, or it is damaged",
    });
  }
  if (Number(length) > fileBytes - LENGTH_BYTES) {
    throw new SafetensorsFormatError({
      where,
      expected: `a header of at most ${fileBytes - LENGTH_BYTES} bytes, as many as the file can hold`,
      got: `${length}`,
      fix: truncated,
    });
  }
  return Number(length);
}

/**
 * Parses and checks a header.
 * @param bytes the header, without the length field
 * @param dataBytes number of bytes that follow it in the file
 * @throws SafetensorsFormatError for anything but a valid header that describes those bytes without gaps or overlap.
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, where: string): Header {
  const json = parseJson(bytes, where);
  const metadata = Object.hasOwn(json, METADATA) ? json[METADATA] : undefined;
  const names = Object.keys(json).filter((name) => name !== METADATA);
  const entries = names.map((name) => parseEntry(name, json[name], where));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(entries, dataBytes, where);
  return { entries, metadata: parseMetadata(metadata, where) };
}

function parseJson(bytes: Uint8Array, where: string): Record<string, unknown> {
  if (bytes[0] !== 0x7b) {
    const got = bytes.length === 0 ? "nothing" : quote(String.fromCharCode(bytes[0]!));
    throw new SafetensorsFormatError({ where, expected: "a header that begins with {", got });
  }
  const expected = "a header of valid JSON, its keys unique, its numbers plain integers";
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SafetensorsFormatError({ where, expected: "a header in UTF-8", got: "invalid bytes", cause });
  }
  // Three levels suffice for every header: the whole, a tensor, its shape. A tensor has a name and three keys.
  const fault = scanJson(text, { maxDepth: 3, naturalsOnly: true, maxKeys: 4 * MAX_TENSORS });
  if (fault) throw new SafetensorsFormatError({ where, expected, got: fault });
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new SafetensorsFormatError({ where, expected, got: cause instanceof Error ? cause.message : "none", cause });
  }
}

function parseMetadata(value: unknown, where: string): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isObject(value) || !Object.values(value).every((text) => typeof text === "string")) {
    throw new SafetensorsFormatError({ where, expected: "__metadata__ that maps text to text", got: describe(value) });
  }
  return Object.freeze(value as Record<string, string>);
}

function parseEntry(name: string, value: unknown, file: string): TensorEntry {
  const where = `${file}: tensor ${quote(name)}`;
  if (!isObject(value)) {
    throw new SafetensorsFormatError({ where, expected: "an object", got: describe(value) });
  }
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) {
    throw new SafetensorsFormatError({ where, expected: "dtype, shape and data_offsets only", got: quote(unknown) });
  }
  if (!isDtype(dtype)) {
    throw new SafetensorsFormatError({ where, expected: `a dtype of ${DTYPES.join(", ")}`, got: describe(dtype) });
  }
  if (!isNaturals(shape)) {
    throw new SafetensorsFormatError({
      where,
      expected: "a shape of integers from 0 to 2^53 - 1",
      got: describe(shape),
    });
  }
  if (!isNaturals(offsets) || offsets.length !== 2 || offsets[1]! < offsets[0]!) {
    throw new SafetensorsFormatError({ where, expected: "data_offsets [begin, end]", got: describe(offsets) });
  }
  const [begin, end] = offsets as [number, number];
  const needed = byteLength(dtype, shape);
  if (needed !== end - begin) {
    throw new SafetensorsFormatError({
      where,
      expected:
        needed === undefined ? "a whole number of bytes below 2^53" : `${needed} bytes for ${dtype} ${describe(shape)}`,
      got: needed === undefined ? `${dtype} ${describe(shape)}` : `${end - begin}`,
    });
  }
  return { name, dtype, shape, begin, end };
}

/** Entries in file order must follow one another without gaps or overlap, from the first data byte to the last. */
function checkLayout(entries: readonly TensorEntry[], dataBytes: number, where: string): void {
  let position = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== position) {
      throw new SafetensorsFormatError({
        where: `${where}: tensor ${quote(name)}`,
        expected: `to begin at ${position}, where the previous tensor ends`,
        got: `${begin}, which ${begin < position ? "overlaps it" : "leaves a gap"}`,
      });
    }
    position = end;
  }
  if (position !== dataBytes) {
    throw new SafetensorsFormatError({
      where,
      expected: `${position} bytes of tensors`,
      got: `${dataBytes}`,
      fix:
        position > dataBytes ? "Download the file again: it is truncated" : "The remaining bytes belong to no tensor",
    });
  }
}

/**
 * Returns the size of a tensor in bytes; undefined beyond 2^53 - 1, and for packed elements that do not fill a byte. As
 * in the official library, a size that overflows before a zero is still an overflow.
 */
export function byteLength(dtype: Dtype, shape: readonly number[]): number | undefined {
  let elements = 1;
  for (const size of shape) {
    elements *= size;
    if (!Number.isSafeInteger(elements)) return undefined;
  }
  const bytes = elements * bytesPerElement(dtype);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

function isNaturals(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  return value === undefined ? "nothing" : cut(JSON.stringify(value));
}
