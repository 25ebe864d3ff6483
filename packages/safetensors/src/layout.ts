import { DTYPES, type Dtype, isDtype } from "./dtype.js";
import { SafetensorsError } from "./errors.js";
import { byteLength, LENGTH_BYTES, MAX_HEADER_BYTES } from "./header.js";
import { quote } from "./scan-json.js";

/** A tensor to be written. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /**
   * Little endian, row-major; or a function that produces them when they are written, so that only one tensor is in
   * memory.
   */
  readonly bytes: Uint8Array | (() => Uint8Array | Promise<Uint8Array>);
}

/** Layout of a file, computed before any tensor bytes exist. */
export interface Layout {
  /** Length field and padded header. */
  readonly head: Uint8Array;
  /** In file order. */
  readonly tensors: readonly TensorToWrite[];
  readonly totalBytes: number;
}

/**
 * Lays out a file byte for byte as the official library does: wider dtypes first, then by name in UTF-8 order; the
 * header is padded with spaces to a multiple of 8 bytes.
 * @throws SafetensorsError for a duplicate or reserved name, an unknown dtype, an invalid shape, a header over 100 MB.
 */
export function layOut(tensors: Iterable<TensorToWrite>, metadata?: Readonly<Record<string, string>>): Layout {
  const sorted = [...tensors].sort(
    (a, b) => DTYPES.indexOf(a.dtype) - DTYPES.indexOf(b.dtype) || compareUtf8(a.name, b.name),
  );
  const header: [string, unknown][] = metadata ? [["__metadata__", checkMetadata(metadata)]] : [];
  const names = new Set<string>();
  let position = 0;
  for (const tensor of sorted) {
    const { name, dtype, shape } = tensor;
    checkName(name, names);
    const end = position + sizeOf(tensor);
    header.push([name, { dtype, shape, data_offsets: [position, end] }]);
    position = end;
  }
  const head = encodeHead(header);
  return { head, tensors: sorted, totalBytes: head.length + position };
}

/**
 * Yields the bytes of a file, tensor by tensor. @throws SafetensorsError for a tensor whose length differs from its
 * layout.
 */
export async function* chunksOf({ head, tensors }: Layout): AsyncGenerator<Uint8Array> {
  yield head;
  for (const tensor of tensors) {
    const bytes = typeof tensor.bytes === "function" ? await tensor.bytes() : tensor.bytes;
    const expected = sizeOf(tensor);
    if (bytes.length !== expected) {
      throw new SafetensorsError({
        where: `tensor ${quote(tensor.name)}`,
        expected: `${expected} bytes for ${tensor.dtype} [${tensor.shape.join(", ")}]`,
        got: `${bytes.length}`,
      });
    }
    yield bytes;
  }
}

/** Returns the size of a tensor in bytes. @throws SafetensorsError for an unknown dtype or an invalid shape. */
export function sizeOf({ name, dtype, shape }: TensorToWrite): number {
  const where = `tensor ${quote(name)}`;
  if (!isDtype(dtype)) {
    throw new SafetensorsError({ where, expected: `a dtype of ${DTYPES.join(", ")}`, got: String(dtype) });
  }
  const bytes = shape.every((size) => Number.isSafeInteger(size) && size >= 0) ? byteLength(dtype, shape) : undefined;
  if (bytes !== undefined) return bytes;
  throw new SafetensorsError({
    where,
    expected: "a shape of integers from 0 to 2^53 - 1",
    got: `[${shape.join(", ")}]`,
  });
}

/**
 * Orders strings by their UTF-8 bytes, which is the order of code points. JavaScript's own order puts surrogates before
 * U+E000.
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  if (unit >= 0xe000) return unit - 0x800;
  return unit >= 0xd800 ? unit + 0x2000 : unit;
}

function encodeHead(header: readonly (readonly [string, unknown])[]): Uint8Array {
  // Not one object: JavaScript would move integer-like names to the front.
  const json = `{${header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
  const text = new TextEncoder().encode(json);
  const padded = Math.ceil(text.length / LENGTH_BYTES) * LENGTH_BYTES;
  if (padded > MAX_HEADER_BYTES) {
    throw new SafetensorsError({
      where: "header",
      expected: `at most ${MAX_HEADER_BYTES} bytes`,
      got: `${padded}`,
      fix: "Write several files",
    });
  }
  const head = new Uint8Array(LENGTH_BYTES + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(text, LENGTH_BYTES);
  return head;
}

function checkName(name: string, names: Set<string>): void {
  const fault =
    typeof name !== "string" || /\p{Surrogate}/u.test(name)
      ? "one that UTF-8 cannot encode"
      : name === "__metadata__"
        ? "the reserved __metadata__"
        : names.has(name)
          ? "the name of another tensor"
          : undefined;
  if (fault) {
    throw new SafetensorsError({ where: `tensor ${quote(String(name))}`, expected: "a unique name", got: fault });
  }
  names.add(name);
}

function checkMetadata(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== "string" || /\p{Surrogate}/u.test(key + text)) {
      throw new SafetensorsError({
        where: `metadata ${quote(key)}`,
        expected: "text that UTF-8 can encode",
        got: typeof text,
      });
    }
  }
  return metadata;
}
