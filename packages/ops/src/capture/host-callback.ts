let listener: ((callback: () => void) => void) | undefined;

/** Changes state that JavaScript holds, such as a length. A graph that captures the call runs it again at each replay. */
export function hostCallback(callback: () => void): void {
  callback();
  listener?.(callback);
}

/** Runs `f` and passes each {@link hostCallback} in it to `observer`. For implementations of `GraphCapture`. */
export function observeHostCallbacks<T>(observer: (callback: () => void) => void, f: () => T): T {
  const before = listener;
  listener = observer;
  try {
    return f();
  } finally {
    listener = before;
  }
}

/** Returns whether a graph is being captured. */
export function isCapturingGraph(): boolean {
  return listener !== undefined;
}
