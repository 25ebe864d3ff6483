/** Longest time without a pause: more makes a page sluggish, and a terminal ignore Ctrl-C. */
const LONGEST_MS = 12;

/**
 * Returns a function that lets timers, input and signals run if the last pause is long enough ago: to be called often. Awaiting an
 * engine is not enough, since one that answers at once never leaves the microtask queue.
 */
export function pauses(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < LONGEST_MS) return;
    await nextTurn();
    last = performance.now();
  };
}

/** Resolves in the next turn of the event loop. A timer would cost a browser 4 ms. */
function nextTurn(): Promise<void> {
  if (typeof setImmediate === "function") return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
