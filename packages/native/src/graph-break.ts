/** Reasons why a function that is being captured cannot be replayed. */

let graphBreak: string | null | undefined;

/** Runs `f`. @returns its result, and the reason of the first graph break in it */
export function catchGraphBreak<T>(f: () => T): [T, string | null] {
  graphBreak = null;
  try {
    return [f(), graphBreak];
  } finally {
    graphBreak = undefined;
  }
}

/** Breaks the graph that is being captured: something happens that a replay would not do. */
export function breakGraph(what: string): void {
  if (graphBreak === null) graphBreak = what;
}

/**
 * Breaks the graph if JavaScript reads or writes the values of a tensor: a graph holds only calls of the addon. Calls that are queued are
 * made first.
 */
export function breakGraphOnRead(): void {
  breakGraph("numbers that JavaScript reads or writes");
  flush?.();
}

let flush: (() => void) | undefined;

/** Runs `f`, and `makeCalls` each time before JavaScript reads or writes the values of a tensor in it. */
export function flushBeforeReads<T>(makeCalls: () => void, f: () => T): T {
  flush = makeCalls;
  try {
    return f();
  } finally {
    flush = undefined;
  }
}
