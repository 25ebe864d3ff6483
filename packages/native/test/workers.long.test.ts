import { describe, expect, test } from "vitest";
import { nativeOrNothing } from "./support/native.js";
import { runProcess } from "./support/process.js";

const native = nativeOrNothing();

describe.runIf(native && process.platform === "linux")("Node workers", () => {
  const held = { threads: expect.any(Number), files: expect.any(Number), mappings: 0, anonymous: expect.any(Number) };
  const report = native
    ? (runProcess("workers.js") as Record<
        "before" | "afterEachAlone" | "afterAllAtOnce" | "afterSomeWereEnded",
        typeof held
      > & {
        decoded: string[];
      })
    : undefined;

  test("decode the same, alone, all at once and beside the main thread, and two models in turns", () => {
    expect(report?.decoded).toHaveLength(42);
    expect(new Set(report?.decoded).size).toBe(1);
    expect(report?.decoded[0]).toMatch(/^1( \d+){12}$/);
  });

  test.each(["afterEachAlone", "afterAllAtOnce", "afterSomeWereEnded"] as const)(
    "leave no thread, no file and no mapping behind: %s",
    (when) => {
      const { threads, files } = report!.before;
      expect(report?.[when]).toEqual({ ...held, threads, files });
    },
  );
});
