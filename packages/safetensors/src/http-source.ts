import type { OptionNames } from "@mixtape/errors";
import { type ByteSource, memorySource } from "./byte-source.js";
import { SafetensorsNotFoundError, SafetensorsReadError } from "./errors.js";

/** How URLs are fetched. */
export interface FetchOptions {
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Sent with every request, e.g. `{ authorization: "Bearer …" }`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the requests under way and those to come: they throw its reason. */
  readonly signal?: AbortSignal;
  /**
   * Where a server does not answer range requests, download a whole file of at most so many bytes and hold it in memory.
   * 0 refuses such a server. By default tensors are refused, and what is read whole anyway (an index, a side file) is not.
   */
  readonly wholeFileUpTo?: number;
}

export const FETCH_OPTIONS: OptionNames<FetchOptions> = {
  fetch: true,
  headers: true,
  signal: true,
  wholeFileUpTo: true,
};

/** Whether to fetch `source` rather than to open a file. */
export function isWebAddress(source: string | URL): boolean {
  return /^https?:/i.test(String(source));
}

/** What the first request asks for: room for the header of most files, which then open with one round trip. */
const FIRST_BYTES = 65_536;

/**
 * Opens a URL for range requests.
 * @throws SafetensorsNotFoundError when the server has no such file
 * @throws SafetensorsReadError when it cannot be reached, refuses, or ignores ranges (but see `wholeFileUpTo`)
 */
export async function openUrl(url: URL, options: FetchOptions = {}): Promise<ByteSource> {
  const remote = new RemoteFile(url, options);
  const response = await remote.request({ first: 0, last: FIRST_BYTES - 1 });
  if (response.status === 416) {
    await response.body?.cancel();
    return memorySource(new Uint8Array(0), remote.name); // no range fits an empty file
  }
  if (response.status === 200) {
    if (options.wholeFileUpTo) return memorySource(await remote.readUpTo(options.wholeFileUpTo, response), remote.name);
    await response.body?.cancel();
    throw new SafetensorsReadError({
      where: remote.name,
      expected: "a server that answers range requests with HTTP 206",
      got: "HTTP 200 and the whole file",
      fix: "Use another server, set wholeFileUpTo, or fetch the file yourself and pass it as a Blob",
    });
  }
  const { size } = await remote.contentRange(response);
  const prefix = await remote.readRange({ first: 0, last: Math.min(FIRST_BYTES, size) - 1 }, response);
  return new RangeSource(remote, size, prefix, response.headers.get("etag"));
}

/** A file whose size is known and whose first bytes are here. */
class RangeSource implements ByteSource {
  readonly name: string;

  constructor(
    private readonly remote: RemoteFile,
    readonly size: number,
    private readonly prefix: Uint8Array,
    private readonly tag: string | null,
  ) {
    this.name = remote.name;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const end = offset + length;
    if (end <= this.prefix.length) return this.prefix.slice(offset, end);
    const first = Math.max(offset, this.prefix.length);
    const response = await this.remote.request({ first, last: end - 1 });
    const tag = response.headers.get("etag");
    const { size } = await this.remote.contentRange(response);
    if (size !== this.size || (tag !== null && this.tag !== null && tag !== this.tag)) {
      await response.body?.cancel();
      throw new SafetensorsReadError({
        where: this.name,
        expected: "the file that was opened",
        got: "another version of it",
      });
    }
    const bytes = new Uint8Array(length);
    bytes.set(this.prefix.subarray(offset, first));
    await this.remote.readRange({ first, last: end - 1 }, response, bytes.subarray(first - offset));
    return bytes;
  }
}

/** Bytes `first` to `last`, both included, as HTTP counts them. */
interface Range {
  readonly first: number;
  readonly last: number;
}

class RemoteFile {
  /** The address without what may be secret in it: user, password and query. */
  readonly name: string;

  constructor(
    private readonly url: URL,
    private readonly options: FetchOptions,
  ) {
    this.name = url.origin + url.pathname;
  }

  /** Sends a request and refuses every answer that is no file. */
  async request(range: Range): Promise<Response> {
    const { fetch = globalThis.fetch, headers, signal } = this.options;
    // A range counts bytes as encoded: of a compressed answer it would be the wrong ones.
    const ranged = { range: `bytes=${range.first}-${range.last}`, "accept-encoding": "identity" };
    const response = await this.#try(() =>
      fetch(this.url, { headers: { ...headers, ...ranged }, signal: signal ?? null }),
    );
    if (response.status === 206 || (response.status === 416 && range.first === 0)) return response;
    // Servers of single-page applications answer every unknown address with a page.
    const isPage = response.ok && (response.headers.get("content-type")?.startsWith("text/html") ?? false);
    if (response.ok && !isPage) return response;

    await response.body?.cancel();
    if (response.status === 404 || isPage) {
      const got = isPage ? "a web page" : "HTTP 404";
      throw new SafetensorsNotFoundError({ where: this.name, expected: "a file", got });
    }
    throw new SafetensorsReadError({ where: this.name, expected: "HTTP 200 or 206", got: `HTTP ${response.status}` });
  }

  /** The range of an answer, and the size of the whole file. */
  async contentRange(response: Response): Promise<Range & { readonly size: number }> {
    const header = response.headers.get("content-range");
    const [first, last, size] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? "") ?? []).slice(1).map(Number);
    if (response.status === 206 && first !== undefined && last !== undefined && size !== undefined) {
      return { first, last, size };
    }
    await response.body?.cancel();
    throw new SafetensorsReadError({
      where: this.name,
      expected: "HTTP 206 with a Content-Range header that tells the size of the file",
      got: `HTTP ${response.status} with ${header ?? "none"}`,
      fix: "From another origin, the server must list it in Access-Control-Expose-Headers",
    });
  }

  /** Reads the body of an answer that must hold exactly `range`. */
  async readRange(
    range: Range,
    response: Response,
    bytes: Uint8Array = new Uint8Array(range.last - range.first + 1),
  ): Promise<Uint8Array> {
    const { first, last } = await this.contentRange(response);
    if (first !== range.first || last !== range.last) {
      await response.body?.cancel();
      throw this.#wrong(`bytes ${range.first}-${range.last}`, `bytes ${first}-${last}`);
    }
    let filled = 0;
    for await (const chunk of this.#chunks(response)) {
      if (filled + chunk.length > bytes.length) throw this.#wrong(`${bytes.length} bytes`, "more");
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    if (filled < bytes.length) throw this.#wrong(`${bytes.length} bytes`, `${filled}`);
    return bytes;
  }

  /** Reads a body of unknown length, and gives up past `limit` bytes. */
  async readUpTo(limit: number, response: Response): Promise<Uint8Array> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let filled = 0;
    for await (const chunk of this.#chunks(response)) {
      filled += chunk.length;
      if (filled > limit) throw this.#wrong(`at most ${limit} bytes`, "more");
      parts.push(chunk);
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  }

  /** The chunks of a body; leaving early cancels the download. By hand, since not every browser can iterate a stream. */
  async *#chunks(response: Response): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const reader = response.body?.getReader();
    if (!reader) return;
    try {
      for (;;) {
        const { done, value } = await this.#try(() => reader.read());
        if (done) return;
        yield value;
      }
    } finally {
      await reader.cancel().catch(() => undefined); // a stream that failed has nothing left to cancel
    }
  }

  async #try<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      const { signal } = this.options;
      if (signal?.aborted) throw signal.reason;
      throw new SafetensorsReadError({ where: this.name, expected: "an answer", got: reason(cause), cause });
    }
  }

  #wrong(expected: string, got: string): SafetensorsReadError {
    return new SafetensorsReadError({ where: this.name, expected, got });
  }
}

/** `fetch` says "fetch failed" and why it did in the cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message
    ? `${error.message}: ${error.cause.message}`
    : error.message;
}
