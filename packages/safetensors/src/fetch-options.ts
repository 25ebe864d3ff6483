import type { OptionNames } from "@mixtape/errors";

/** How URLs are fetched. */
export interface FetchOptions {
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Sent with every request, e.g. `{ authorization: "Bearer …" }`. A redirect to another host gets no authorization. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the requests under way and those to come: they throw its reason. */
  readonly signal?: AbortSignal;
  /**
   * Where a server does not answer range requests, download a whole file of at most so many bytes and hold it in memory.
   * 0 refuses such a server. Default: 2 GiB.
   */
  readonly wholeFileUpTo?: number;
  /** How often a request is tried again after a lost connection, HTTP 408, 425, 429 or 5xx. Default 4. */
  readonly retries?: number;
  /** In place of a timer between two tries, of so many milliseconds. */
  readonly wait?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** Called with a sentence where a file is downloaded whole because its server does not answer ranges. */
  readonly onWarning?: (message: string) => void;
}

export const FETCH_OPTIONS: OptionNames<FetchOptions> = {
  fetch: true,
  headers: true,
  signal: true,
  wholeFileUpTo: true,
  retries: true,
  wait: true,
  onWarning: true,
};

/** Whether to fetch `source` rather than to open a file. */
export function isWebAddress(source: string | URL): boolean {
  return /^https?:/i.test(String(source));
}
