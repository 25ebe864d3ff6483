import { SafetensorsNotFoundError, SafetensorsReadError } from "./errors.js";
import type { FetchOptions } from "./fetch-options.js";
import { DEFAULT_RETRIES, pause, Retryable, waitOf } from "./retry.js";

/** Bytes `first` to `last`, inclusive, as in HTTP. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/**
 * One file of a web server: sends requests, retries transient failures, and refuses every answer that is not a file.
 */
export class RemoteFile {
  /** The URL without its secret parts: user, password and query. */
  readonly name: string;
  /** Identifies this version of the file, once an answer has contained it. */
  #version: Version | undefined;

  constructor(
    private readonly url: URL,
    private readonly options: FetchOptions,
  ) {
    this.name = url.origin + url.pathname;
  }

  /**
   * Sends a request for a range, or for the whole file, and retries until there is a usable answer.
   * @throws SafetensorsNotFoundError for HTTP 403, 404 and 410, and for a web page
   * @throws SafetensorsReadError for every other refusal
   */
  async request(range: Range | undefined): Promise<Response> {
    const { retries = DEFAULT_RETRIES } = this.options;
    for (let tries = 0; ; tries++) {
      try {
        return await this.#ask(range);
      } catch (error) {
        if (!(error instanceof Retryable)) throw error;
        if (tries >= retries) throw error.reason;
        await pause(waitOf(tries, error.after), this.options);
      }
    }
  }

  async #ask(range: Range | undefined): Promise<Response> {
    const { fetch = globalThis.fetch, headers, signal } = this.options;
    // A range counts encoded bytes: for a compressed answer it would return the wrong ones.
    const ranged = range && { range: `bytes=${range.first}-${range.last}`, "accept-encoding": "identity" };
    let response: Response;
    try {
      response = await fetch(this.url, { headers: { ...headers, ...ranged }, signal: signal ?? null });
    } catch (cause) {
      throw this.#lost(cause);
    }
    if (response.status === 416 && range?.first === 0) return response;
    // Servers of single-page applications answer every unknown URL with a page.
    const isPage = response.ok && /^(text\/html|application\/xhtml)/i.test(response.headers.get("content-type") ?? "");
    if (response.status === 206 && range && !isPage) return response;
    if (response.status === 200 && !isPage && (range?.first ?? 0) === 0) return response;
    await response.body?.cancel().catch(() => undefined);
    throw this.#refusal(response, isPage);
  }

  /** Returns the range of an answer, and the size of the whole file. */
  async contentRange(response: Response): Promise<Range & { readonly size: number }> {
    const header = response.headers.get("content-range");
    const [first, last, size] = (/^bytes (\d+)-(\d+)\/(\d+)$/i.exec(header ?? "") ?? []).slice(1).map(Number);
    if (response.status === 206 && first !== undefined && last !== undefined && size !== undefined) {
      return { first, last, size };
    }
    await response.body?.cancel();
    throw new SafetensorsReadError({
      where: this.name,
      expected: "HTTP 206 with a Content-Range header with the size of the file",
      got: `HTTP ${response.status} with ${header ?? "none"}`,
      fix: "From another origin, the server must list it in Access-Control-Expose-Headers",
    });
  }

  /**
   * Reads the body of an answer that must hold exactly `range`. If the connection is cut, the rest is requested.
   * @param bytes destination
   */
  async readRange(
    range: Range,
    response: Response,
    bytes: Uint8Array = new Uint8Array(range.last - range.first + 1),
  ): Promise<Uint8Array> {
    const { retries = DEFAULT_RETRIES } = this.options;
    let filled = 0;
    let answer = response;
    for (let tries = 0; ; ) {
      await this.#check(answer, { first: range.first + filled, last: range.last });
      const before = filled;
      let cut: SafetensorsReadError;
      try {
        for await (const chunk of this.#chunks(answer)) {
          if (filled + chunk.length > bytes.length) throw this.#wrong(`${bytes.length} bytes`, "more");
          bytes.set(chunk, filled);
          filled += chunk.length;
        }
        if (filled === bytes.length) return bytes;
        cut = this.#wrong(`${bytes.length} bytes`, `${filled}`);
      } catch (error) {
        if (!(error instanceof Retryable)) throw error;
        cut = error.reason;
      }
      // A connection that makes progress each time may be cut any number of times.
      tries = filled > before ? 1 : tries + 1;
      if (tries > retries) throw cut;
      await pause(waitOf(tries - 1), this.options);
      answer = await this.request({ first: range.first + filled, last: range.last });
    }
  }

  /** Reads a body of unknown length; undefined beyond `limit` bytes. */
  async readUpTo(limit: number, response: Response): Promise<Uint8Array | undefined> {
    const { retries = DEFAULT_RETRIES } = this.options;
    let answer = response;
    for (let tries = 0; ; tries++) {
      const parts: Uint8Array<ArrayBuffer>[] = [];
      let filled = 0;
      try {
        for await (const chunk of this.#chunks(answer)) {
          filled += chunk.length;
          if (filled > limit) return undefined;
          parts.push(chunk);
        }
        return new Uint8Array(await new Blob(parts).arrayBuffer());
      } catch (error) {
        // Such a server cannot resume in the middle.
        if (!(error instanceof Retryable)) throw error;
        if (tries >= retries) throw error.reason;
        await pause(waitOf(tries), this.options);
        answer = await this.request(undefined);
      }
    }
  }

  /** @throws SafetensorsReadError if an answer is for another range, or another version of the file. */
  async #check(response: Response, range: Range): Promise<void> {
    const { first, last, size } = await this.contentRange(response);
    const version = versionOf(response, size);
    const fault = isEncoded(response)
      ? this.#wrong("the bytes of a file as they are", `those of ${response.headers.get("content-encoding")}`)
      : !isSame(version, this.#version)
        ? this.#wrong("the file that was opened", "another version of it")
        : first !== range.first || last !== range.last
          ? this.#wrong(`bytes ${range.first}-${range.last}`, `bytes ${first}-${last}`)
          : undefined;
    if (fault) {
      await response.body?.cancel();
      throw fault;
    }
    this.#version ??= version;
  }

  /** Yields the chunks of a body; leaving early cancels the download. Not every browser can iterate a stream. */
  async *#chunks(response: Response): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const reader = response.body?.getReader();
    if (!reader) return;
    try {
      for (;;) {
        const { done, value } = await reader.read().catch((cause: unknown) => {
          throw this.#lost(cause, true);
        });
        if (done) return;
        yield value;
      }
    } finally {
      await reader.cancel().catch(() => undefined); // a failed stream has nothing left to cancel
    }
  }

  /** Returns the error for a request without a complete answer. */
  #lost(cause: unknown, hasBegun = this.#version !== undefined): unknown {
    const { signal } = this.options;
    if (signal?.aborted) return signal.reason;
    const error = new SafetensorsReadError({ where: this.name, expected: "an answer", got: reasonOf(cause), cause });
    return hasBegun || isPassing(cause) ? new Retryable(error) : error;
  }

  #refusal(response: Response, isPage: boolean): unknown {
    const { status } = response;
    if (status === 416) return this.#wrong("the file that was opened", "another version of it");
    if (status === 200 && !isPage)
      return this.#wrong("a server that answers range requests with HTTP 206", "HTTP 200 and the whole file");
    if (isPage) return new SafetensorsNotFoundError({ where: this.name, expected: "a file", got: "a web page" });
    if (status === 404 || status === 410)
      return new SafetensorsNotFoundError({ where: this.name, expected: "a file", got: `HTTP ${status}` });
    // S3 answers 403 for a missing file, unless the client may list the folder.
    if (status === 403) {
      const fix = `It does not exist, or needs the right headers. ${HEADERS}`;
      return new SafetensorsNotFoundError({ where: this.name, expected: "a file", got: "HTTP 403", fix });
    }
    const error = new SafetensorsReadError({
      where: this.name,
      expected: "HTTP 200 or 206",
      got: `HTTP ${status}`,
      ...(status === 401 && { fix: HEADERS }),
    });
    const passes = status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501);
    return passes ? new Retryable(error, response.headers.get("retry-after")) : error;
  }

  #wrong(expected: string, got: string): SafetensorsReadError {
    return new SafetensorsReadError({ where: this.name, expected, got });
  }
}

const HEADERS = 'For a private file, pass headers: { authorization: "Bearer …" }';

/** Identification of a file's version in its answers: size, and other headers if the server shows them. */
interface Version {
  readonly size: number;
  readonly tag: string | null;
  readonly modified: string | null;
}

function versionOf({ headers }: Response, size: number): Version {
  return { size, tag: headers.get("etag")?.replace(/^W\//, "") ?? null, modified: headers.get("last-modified") };
}

/** A header that only one of two answers has is ignored. */
function isSame(one: Version, other: Version | undefined): boolean {
  if (other === undefined) return true;
  const agree = (a: string | null, b: string | null): boolean => a === null || b === null || a === b;
  if (one.size !== other.size) return false;
  // Behind a load balancer times may differ although tags do not.
  return one.tag !== null && other.tag !== null ? one.tag === other.tag : agree(one.modified, other.modified);
}

/**
 * Whether an answer is compressed although that was not requested. Browsers show this header only to the same origin.
 */
export function isEncoded({ headers }: Response): boolean {
  return !["", "identity"].includes(headers.get("content-encoding") ?? "");
}

/** Node's codes for lost or slow connections; other failures, such as an unknown host, will fail again. */
const PASSING = /^(ECONNRESET|EPIPE|ETIMEDOUT|EAI_AGAIN|UND_ERR_(SOCKET|(CONNECT|HEADERS|BODY)_TIMEOUT))$/;

function isPassing(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return typeof cause === "object" && cause !== null && "code" in cause && PASSING.test(String(cause.code));
}

/** `fetch` says "fetch failed" and has the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message
    ? `${error.message}: ${error.cause.message}`
    : error.message;
}
