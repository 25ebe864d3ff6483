/** How processes that measure repeat a task. The Python one does the same. */

/** How long a measurement warms up, and how long it measures, at least. */
const LEAST_MS = 1000;
const LEAST_RUNS = 3;
/** No further run begins after this: a long task is done less often. */
const MOST_MS = 10_000;

/** Does something for a while, so that code is compiled and weights are packed, and then for a while to measure it. */
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

/** How long `f` takes, in milliseconds. */
export async function timed(f: () => unknown): Promise<number> {
  const begin = performance.now();
  await f();
  return performance.now() - begin;
}
