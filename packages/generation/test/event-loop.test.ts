import { afterEach, describe, expect, test, vi } from "vitest";
import { pauses } from "../src/event-loop.js";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** Calls `then` in the next turn of the event loop. */
type NextTurn = (then: () => void) => void;

const byMessage: NextTurn = (then) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    then();
  };
  port2.postMessage(null);
};

/** Tells whether what had waited before a pause got its turn in it, at a given time. */
function setUp(nextTurn: NextTurn): (now: number) => Promise<boolean> {
  const clock = vi.spyOn(performance, "now").mockReturnValue(0);
  const pause = pauses();
  return async (now) => {
    clock.mockReturnValue(now);
    let came = false;
    nextTurn(() => {
      came = true;
    });
    await pause();
    return came;
  };
}

describe.each<[string, NextTurn, unknown]>([
  ["where there is setImmediate, as in Node", setImmediate, setImmediate],
  ["where there is none, as in browsers", byMessage, undefined],
])("%s", (_, nextTurn, found) => {
  test("other things happen when the last pause is long ago, and not before", async () => {
    vi.stubGlobal("setImmediate", found);
    const at = setUp(nextTurn);
    expect(await at(5)).toBe(false);
    expect(await at(20)).toBe(true);
    expect(await at(25)).toBe(false);
    expect(await at(40)).toBe(true);
  });
});
