import { type ByteSource, memorySource } from "./byte-source.js";
import { SafetensorsReadError } from "./errors.js";
import type { FetchOptions } from "./fetch-options.js";
import { isEncoded, type Range, RemoteFile } from "./remote-file.js";

/** Bytes of the first request: enough for the header of most files, which then open with one round trip. */
const FIRST_BYTES = 65_536;

/** Default limit for files that are downloaded whole: every engine can allocate such a buffer. */
const WHOLE_FILE_BYTES = 2 ** 31;

/**
 * Opens a URL for range requests.
 * @throws SafetensorsNotFoundError if the server has no such file, or denies access to it
 * @throws SafetensorsReadError if it cannot be reached, refuses, or sends a file beyond `wholeFileUpTo` whole
 */
export async function openUrl(url: URL, options: FetchOptions = {}): Promise<ByteSource> {
  const remote = new RemoteFile(url, options);
  let response = await remote.request({ first: 0, last: FIRST_BYTES - 1 });
  if (response.status === 416) {
    // No range fits an empty file, and some servers reject a range that ends past the end: the answer may contain the
    // size.
    const size = sizeOf(response);
    await response.body?.cancel();
    if (size === 0) return memorySource(new Uint8Array(0), remote.name);
    const last = Math.min(FIRST_BYTES, size ?? 0) - 1;
    response = await remote.request(size === undefined ? undefined : { first: 0, last });
  }
  if (response.status === 206 && isEncoded(response)) {
    // A range counts bytes as sent: for a compressed file it is not a range of the file.
    await response.body?.cancel();
    response = await remote.request(undefined);
  }
  if (response.status !== 206) return downloadWhole(remote, response, options);
  const { size } = await remote.contentRange(response);
  const prefix = await remote.readRange({ first: 0, last: Math.min(FIRST_BYTES, size) - 1 }, response);
  return new RangeSource(remote, size, prefix);
}

/** Returns the size of the file from `Content-Range: bytes *\/N`. */
function sizeOf(response: Response): number | undefined {
  const size = /^bytes \*\/(\d+)$/i.exec(response.headers.get("content-range") ?? "")?.[1];
  return size === undefined ? undefined : Number(size);
}

async function downloadWhole(
  remote: RemoteFile,
  response: Response,
  { wholeFileUpTo = WHOLE_FILE_BYTES, onWarning }: FetchOptions,
): Promise<ByteSource> {
  const length = isEncoded(response) ? 0 : Number(response.headers.get("content-length") ?? 0);
  if (length > wholeFileUpTo || wholeFileUpTo === 0) {
    await response.body?.cancel();
    throw tooLong(remote.name, wholeFileUpTo, length);
  }
  const why = "its server does not answer range requests, so it is downloaded whole and held in memory";
  if (length > FIRST_BYTES) onWarning?.(`${remote.name}: ${why}`);
  const bytes = await remote.readUpTo(wholeFileUpTo, response);
  if (bytes === undefined) throw tooLong(remote.name, wholeFileUpTo, 0);
  // For some files the length is known only at the end.
  if (length === 0 && bytes.length > FIRST_BYTES) onWarning?.(`${remote.name}: ${why}`);
  return memorySource(bytes, remote.name);
}

function tooLong(where: string, limit: number, length: number): SafetensorsReadError {
  const sent = length > 0 ? `a whole file of ${length} bytes` : "the whole file";
  return new SafetensorsReadError({
    where,
    expected: `a server that answers range requests with HTTP 206, or a file of at most ${limit} bytes`,
    got: `HTTP 200 and ${limit > 0 && length === 0 ? "a longer file" : sent}`,
    fix: "Use another server, set wholeFileUpTo (fetchOptions of loadModel), or fetch the file yourself and pass it as a Blob",
  });
}

/** A file whose size and first bytes are known. */
class RangeSource implements ByteSource {
  readonly name: string;

  constructor(
    private readonly remote: RemoteFile,
    readonly size: number,
    private readonly prefix: Uint8Array,
  ) {
    this.name = remote.name;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const end = offset + length;
    if (end <= this.prefix.length) return this.prefix.slice(offset, end);
    const range: Range = { first: Math.max(offset, this.prefix.length), last: end - 1 };
    const response = await this.remote.request(range);
    const bytes = new Uint8Array(length);
    bytes.set(this.prefix.subarray(offset, range.first));
    await this.remote.readRange(range, response, bytes.subarray(range.first - offset));
    return bytes;
  }
}
