/**
 * Reads the header of a GGUF file, version 2 or 3: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
 *
 * `@huggingface/gguf` reads headers too (the tests compare with it), but is not safe for files that nobody vouches for: it
 * takes the zeros behind the end of a truncated file for tensors, ten million if the count says so, decodes what is not
 * UTF-8, and never compares tensors with the size of the file. It reads no `Blob`.
 */

import { safeName } from "@mixtape/errors";
import type { ByteSource } from "@mixtape/safetensors";
import { GgufFormatError, GgufUnsupportedError } from "../errors.js";
import { HeaderBytes, NeedsBytes } from "./header-bytes.js";
import { Metadata, type MetadataValue } from "./metadata.js";
import { readValue } from "./read-value.js";
import { bytesOfRow, type TensorType, tensorType } from "./tensor-type.js";

/** A tensor of the header. */
export interface TensorInfo {
  readonly name: string;
  readonly type: TensorType;
  /** Row-major, as everywhere outside ggml: the reverse of the sizes in the file. */
  readonly shape: readonly number[];
  /** Position of its bytes in the file. */
  readonly offset: number;
}

export interface Header {
  readonly metadata: Metadata;
  /** In file order. */
  readonly tensors: readonly TensorInfo[];
}

const MAGIC = 0x46554747; // "GGUF"

/** Several times the tensors of any model. */
const MAX_TENSORS = 300_000;

const MAX_KEYS = 100_000;

/** Bytes of the first read: of a web server, its first answer; of a file, most headers. */
const FIRST_BYTES = { remote: 65_536, local: 12 * 2 ** 20 };

const DAMAGED = "This is not a GGUF file, or it is damaged";

/**
 * @throws {GgufFormatError} for a damaged, truncated or hostile file
 * @throws {GgufUnsupportedError} for another version of the format
 */
export async function readHeader(file: ByteSource): Promise<Header> {
  const where = file.name ?? "GGUF";
  const bytes = new HeaderBytes(where, file.size);
  const read = <T>(item: () => T): Promise<T> => loading(file, bytes, item);
  const { tensorCount, keyCount } = await read(() => readStart(bytes));
  const values = new Map<string, MetadataValue>();
  for (let i = 0; i < keyCount; i++) {
    const [key, value] = await read(() => readEntry(bytes, i));
    if (values.has(key)) throw new GgufFormatError({ where, expected: "unique keys", got: `${safeName(key)} twice` });
    values.set(key, value);
  }
  const metadata = new Metadata(where, values);
  const alignment = alignmentOf(metadata);
  const infos: Unplaced[] = [];
  for (let i = 0; i < tensorCount; i++) infos.push(await read(() => readTensor(bytes, i)));
  return { metadata, tensors: place(infos, bytes, alignment) };
}

/** Parses an item; where the loaded bytes end, loads several times as many and parses it again. */
async function loading<T>(file: ByteSource, bytes: HeaderBytes, item: () => T): Promise<T> {
  const start = bytes.at;
  for (;;) {
    try {
      return item();
    } catch (error) {
      if (!(error instanceof NeedsBytes)) throw error;
      bytes.at = start;
      const { loaded } = bytes;
      const first = file.path === undefined ? FIRST_BYTES.remote : FIRST_BYTES.local;
      const end = Math.min(file.size, Math.max(error.end, first, 4 * loaded.length));
      const longer = new Uint8Array(end);
      longer.set(loaded);
      longer.set(await file.read(loaded.length, end - loaded.length), loaded.length);
      bytes.loaded = longer;
    }
  }
}

function readStart(bytes: HeaderBytes): { readonly tensorCount: number; readonly keyCount: number } {
  const { where } = bytes;
  if (bytes.fileBytes < 4 || bytes.u32() !== MAGIC)
    throw new GgufFormatError({
      where,
      expected: 'a GGUF file, which begins with "GGUF"',
      got: bytes.fileBytes === 0 ? "an empty file" : "another",
    });
  const version = bytes.u32();
  if (version !== 2 && version !== 3) {
    const isSwapped = version > 0 && (version & 0xffff) === 0;
    throw new GgufUnsupportedError({
      where,
      expected: "GGUF of version 2 or 3, little endian",
      got: isSwapped ? "big endian" : `version ${version}`,
      fix: isSwapped ? "Convert it on a little-endian machine" : "Convert the model again with a current llama.cpp",
    });
  }
  const tensorCount = bytes.length("the number of tensors");
  const keyCount = bytes.length("the number of keys");
  // A key has at least its length, its type and one byte; a tensor its length, axes, one size, type and offset.
  bytes.checkCount(keyCount, 13, "keys");
  bytes.checkCount(tensorCount, 24, "tensors");
  const limits = [
    ["keys", keyCount, MAX_KEYS],
    ["tensors", tensorCount, MAX_TENSORS],
  ] as const;
  for (const [what, count, limit] of limits)
    if (count > limit)
      throw new GgufFormatError({ where, expected: `at most ${limit} ${what}`, got: `${count}`, fix: DAMAGED });
  return { tensorCount, keyCount };
}

function readEntry(bytes: HeaderBytes, index: number): [string, MetadataValue] {
  const key = bytes.name(`key ${index}`);
  return [key, readValue(bytes, key)];
}

function alignmentOf(metadata: Metadata): number {
  const alignment = metadata.count("general.alignment") ?? 32;
  if (alignment > 0 && alignment <= 2 ** 20 && (alignment & (alignment - 1)) === 0) return alignment;
  throw metadata.error("general.alignment", "a power of 2 up to 1048576", `${alignment}`);
}

/** A tensor whose offset counts from the end of the header; the length of unsupported types is unknown. */
type Unplaced = Omit<TensorInfo, "offset"> & { readonly relative: number; readonly byteLength: number | undefined };

function readTensor(bytes: HeaderBytes, index: number): Unplaced {
  const name = bytes.name(`the name of tensor ${index}`);
  const where = `${bytes.where}: tensor ${safeName(name)}`;
  const axes = bytes.u32();
  if (axes > 4) throw new GgufFormatError({ where, expected: "at most 4 axes", got: `${axes}`, fix: DAMAGED });
  const sizes = Array.from({ length: axes }, () => bytes.length(`a size of ${safeName(name)}`));
  if (sizes.includes(0))
    throw new GgufFormatError({ where, expected: "sizes of at least 1", got: `[${sizes.join(", ")}]`, fix: DAMAGED });
  const type = tensorType(bytes.u32(), where);
  const relative = bytes.length(`the offset of ${safeName(name)}`);
  const shape = sizes.toReversed();
  return { name, type, shape, relative, byteLength: byteLengthOf(type, shape, where) };
}

function byteLengthOf(type: TensorType, shape: readonly number[], where: string): number | undefined {
  const elements = shape.reduce((product, size) => product * size, 1);
  if (type.kind === "unsupported") return undefined;
  const rowBytes = bytesOfRow(type, shape.at(-1) ?? 1);
  if (rowBytes === undefined)
    throw new GgufFormatError({
      where,
      expected: `rows of a multiple of ${type.kind === "blocks" ? type.format.blockSize : 1} values, for ${type.name}`,
      got: `[${shape.join(", ")}]`,
    });
  const byteLength = shape.slice(0, -1).reduce((product, size) => product * size, rowBytes);
  if (Number.isSafeInteger(byteLength) && Number.isSafeInteger(elements)) return byteLength;
  throw new GgufFormatError({ where, expected: "a size below 2^53", got: `[${shape.join(", ")}]`, fix: DAMAGED });
}

/** Places the tensors in the file, and checks that they follow one another, as in ggml, and end within it. */
function place(infos: readonly Unplaced[], bytes: HeaderBytes, alignment: number): TensorInfo[] {
  const aligned = (offset: number): number => Math.ceil(offset / alignment) * alignment;
  const start = aligned(bytes.at);
  const names = new Set<string>();
  let expected: number | undefined = 0;
  return infos.map(({ name, type, shape, relative, byteLength }) => {
    const where = `${bytes.where}: tensor ${safeName(name)}`;
    if (names.has(name)) throw new GgufFormatError({ where, expected: "unique names of tensors", got: "it twice" });
    names.add(name);
    if (relative !== (expected ?? aligned(relative)))
      throw new GgufFormatError({
        where,
        expected: `to begin at ${expected ?? `a multiple of ${alignment}`}, behind the previous tensor`,
        got: `${relative}`,
        fix: DAMAGED,
      });
    const end = start + relative + (byteLength ?? 0);
    if (end > bytes.fileBytes)
      throw new GgufFormatError({
        where,
        expected: `to end within the ${bytes.fileBytes} bytes of the file`,
        got: `${end}`,
        fix: "Download the file again: it is truncated",
      });
    expected = byteLength === undefined ? undefined : aligned(relative + byteLength);
    return { name, type, shape, offset: start + relative };
  });
}
