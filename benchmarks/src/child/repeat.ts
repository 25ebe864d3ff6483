/** Repetition of a task in measuring processes. The Python one does the same. */

/** Minimum duration of the warm-up, and of the measurement. */
const LEAST_MS = 1000;
const LEAST_RUNS = 3;
/** No further run begins after this: a long task is repeated less often. */
const MOST_MS = 10_000;

/** Warms up, so that code is compiled and weights are packed, and then repeats `f` to measure it. */
export async function repeat<T>(f: () => T | Promise<T>, leastMs = LEAST_MS): Promise<T[]> {
  await collect(f, 1, leastMs);
  return collect(f, LEAST_RUNS, leastMs);
}

async function collect<T>(f: () => T | Promise<T>, leastRuns: number, leastMs: number): Promise<T[]> {
  const results: T[] = [];
  const begin = performance.now();
  const passed = (): number => performance.now() - begin;
  while (results.length === 0 || ((results.length < leastRuns || passed() < leastMs) && passed() < MOST_MS))
    results.push(await f());
  return results;
}

/** Returns the duration of `f`, in milliseconds. */
export async function timed(f: () => unknown): Promise<number> {
  const begin = performance.now();
  await f();
  return performance.now() - begin;
}
