/** Computing for longer than this without a pause makes a page sluggish and a terminal deaf to Ctrl-C. */
const LONGEST_MS = 12;

/**
 * Lets other things happen in a long computation: timers, input, signals. Promises alone do not, where an engine answers at
 * once. Returns a function to call often; it pauses when the last pause is long enough ago.
 */
export function pauses(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < LONGEST_MS) return;
    await nextTurn();
    last = performance.now();
  };
}

/** The next turn of the event loop. A timer would cost a browser 4 ms. */
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
