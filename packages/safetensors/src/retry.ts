import type { SafetensorsReadError } from "./errors.js";
import type { FetchOptions } from "./fetch-options.js";

/** Default number of retries. */
export const DEFAULT_RETRIES = 4;

/** A transient failure: thrown within this package, which retries or throws the reason. */
export class Retryable {
  constructor(
    readonly reason: SafetensorsReadError,
    /** The `Retry-After` header of the answer. */
    readonly after: string | null = null,
  ) {}
}

/** Longest pause between two tries, whatever a server asks for. */
const MOST_MS = 60_000;

/**
 * Returns the milliseconds to wait after `tries` tries: as long as the server asks for, or half a second, doubling each
 * time.
 */
export function waitOf(tries: number, after: string | null = null): number {
  const seconds = after === null || after.trim() === "" ? NaN : Number(after);
  const asked = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(after ?? "") - Date.now();
  return Math.min(Math.max(Number.isFinite(asked) ? asked : 500 * 2 ** tries, 0), MOST_MS);
}

/** Waits, unless the signal aborts it. */
export async function pause(
  ms: number,
  { wait = timer, signal }: Pick<FetchOptions, "wait" | "signal">,
): Promise<void> {
  signal?.throwIfAborted();
  await wait(ms, signal);
  signal?.throwIfAborted();
}

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const id = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(id);
      signal?.removeEventListener("abort", done);
      resolve();
    }
  });
}
