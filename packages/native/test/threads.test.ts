import { describe, expect, test } from "vitest";
import { nativeInfo, registerNative } from "../src/index.js";
import { nativeOrNothing } from "./support/native.js";
import { runProcess } from "./support/process.js";

const native = nativeOrNothing();

describe.runIf(native)("threads", () => {
  test("there are as many as asked for, by default one for each processor", () => {
    expect(registerNative({ threads: 3 }).threads).toBe(3);
    expect(nativeInfo().threads).toBe(3);
    expect(registerNative().threads).toBe(native?.info().processors);
  });

  test.each([0, -1, 1.5, Number.NaN, 1025])("%s threads are refused", (threads) => {
    expect(() => registerNative({ threads })).toThrow("expected threads as a whole number from 1 to 1024");
  });

  test("a result does not depend on how many there are", () => {
    const [rows, width, tokens] = [700, 300, 5];
    const weight = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i));
    const x = Float32Array.from({ length: tokens * width }, (_, i) => Math.cos(i));
    const results = [1, 2, 3, 8].map((threads) => {
      const out = new Float32Array(tokens * rows);
      native?.setThreads(threads);
      native?.linear(out, x, weight, null, width, 1);
      return out;
    });
    for (const result of results) expect(result).toEqual(results[0]);
  });

  test.runIf(process.platform === "linux")("those that have nothing to do sleep, and fewer of them are fewer", () => {
    expect(runProcess("idle.js")).toEqual({ started: 3, asleep: true, ticks: 0, left: 0 });
  });
});
