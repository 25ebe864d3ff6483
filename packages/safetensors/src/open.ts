import { checkOptions } from "@mixtape/errors";
import { openFile } from "#files";
import { type ByteSource, blobSource, isMemory, memorySource, type OpenByteSource } from "./byte-source.js";
import { SafetensorsError, SafetensorsFormatError } from "./errors.js";
import { explainBytes } from "./explain-bytes.js";
import { FETCH_OPTIONS, type FetchOptions, isWebAddress } from "./fetch-options.js";
import { GuardedSource } from "./guarded-source.js";
import { type Header, LENGTH_BYTES, parseHeader, parseHeaderLength } from "./header.js";
import { openUrl } from "./http-source.js";
import { quote } from "./scan-json.js";
import type { TensorSource, TensorView } from "./tensor-view.js";
import { viewOf } from "./view.js";

/**
 * Opens one safetensors file. Reads and checks its header; tensors are read on request, each byte once.
 *
 * @param source a path (Node), a `file:` or `http(s):` URL, a `Blob` or `File`, bytes in memory, or a {@link
 *   ByteSource}. A URL is read by range requests. `close()` closes the source, a custom `ByteSource` included; if
 *   opening fails, it is closed at once.
 * @throws OptionError for an unknown option
 * @throws SafetensorsFormatError for a damaged, truncated or hostile file
 * @throws SafetensorsReadError for a file that cannot be read
 */
export async function openSafetensors(
  source: string | URL | Blob | ArrayBuffer | Uint8Array | ByteSource,
  options: FetchOptions = {},
): Promise<TensorSource> {
  checkOptions("openSafetensors", options, FETCH_OPTIONS);
  const bytes = await openByteSource(source, options);
  try {
    const head = await bytes.read(0, Math.min(LENGTH_BYTES, bytes.size));
    // A valid header is too short for these bytes to be non-zero: only then identify the file.
    const other = head.subarray(4).some((byte) => byte !== 0) ? explainBytes(head) : undefined;
    if (other) throw new SafetensorsFormatError({ where: bytes.name, expected: "a safetensors file", ...other });
    const length = parseHeaderLength(head, bytes.size, bytes.name);
    const dataStart = LENGTH_BYTES + length;
    const header = parseHeader(await bytes.read(LENGTH_BYTES, length), bytes.size - dataStart, bytes.name);
    return new SafetensorsFile(header, bytes, dataStart);
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

/**
 * Opens a file of any format, for reading ranges. Reads after `close()` throw.
 * @param source as for {@link openSafetensors}
 * @throws SafetensorsReadError for a file that cannot be read
 */
export async function openByteSource(
  source: string | URL | Blob | ArrayBuffer | Uint8Array | ByteSource,
  options: FetchOptions = {},
): Promise<OpenByteSource> {
  return new GuardedSource(await openSource(source, options));
}

async function openSource(source: unknown, options: FetchOptions): Promise<ByteSource> {
  if (isMemory(source)) return memorySource(source);
  if (source instanceof Blob) return blobSource(source);
  if (isByteSource(source)) return source;
  if (typeof source === "string" || source instanceof URL) {
    return isWebAddress(source) ? openUrl(new URL(source), options) : openFile(source);
  }
  throw new SafetensorsError({
    where: "openSafetensors",
    expected: "a path, URL, Blob, ArrayBuffer, Uint8Array or ByteSource",
    got: typeof source,
  });
}

function isByteSource(source: unknown): source is ByteSource {
  return typeof source === "object" && source !== null && "size" in source && "read" in source;
}

class SafetensorsFile implements TensorSource {
  readonly names: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly #views: ReadonlyMap<string, TensorView>;
  readonly #source: OpenByteSource;

  constructor({ entries, metadata }: Header, source: OpenByteSource, dataStart: number) {
    this.names = Object.freeze(entries.map(({ name }) => name));
    this.metadata = metadata;
    this.#source = source;
    this.#views = new Map(
      entries.map(({ name, dtype, shape, begin }) => [name, viewOf(name, dtype, shape, source, dataStart + begin)]),
    );
  }

  has(name: string): boolean {
    return this.#views.has(name);
  }

  tensor(name: string): TensorView {
    const view = this.#views.get(name);
    if (view) return view;
    throw noSuchTensor(this.#source.name, name, this.names);
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export function noSuchTensor(where: string, name: string, names: readonly string[]): SafetensorsError {
  const some = names.slice(0, 5).map(quote).join(", ");
  return new SafetensorsError({
    where,
    expected:
      names.length === 0
        ? "a tensor, but the file has none"
        : `one of ${names.length} tensors (${some}${names.length > 5 ? ", …" : ""})`,
    got: quote(name),
  });
}
