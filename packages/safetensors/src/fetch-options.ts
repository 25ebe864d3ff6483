import type { OptionNames } from "@mixtape/errors";

/** Options for fetching URLs. */
export interface FetchOptions {
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof fetch;
  /**
   * Headers of every request, e.g. `{ authorization: "Bearer …" }`. A redirect to another host gets no authorization.
   */
  readonly headers?: Readonly<Record<string, string>>;
  /** Aborts current and future requests: they throw its reason. */
  readonly signal?: AbortSignal;
  /**
   * If a server does not support range requests, download a whole file of at most this many bytes and hold it in
   * memory. 0 refuses such a server. Default: 2 GiB.
   */
  readonly wholeFileUpTo?: number;
  /** Number of retries after a lost connection, HTTP 408, 425, 429 or 5xx. Default: 4. */
  readonly retries?: number;
  /** Replaces the timer between two tries, of `ms` milliseconds. */
  readonly wait?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** Called with a message when a file is downloaded whole because its server does not support range requests. */
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
