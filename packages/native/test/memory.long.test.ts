import { expect, test } from "vitest";
import { nativeOrNothing } from "./support/native.js";
import { runProcess } from "./support/process.js";

interface Look {
  readonly threads: number;
  readonly files: number;
  readonly mappings: number;
  readonly anonymous: number;
  readonly numTensors: number;
  readonly numDataBuffers: number;
  readonly dataIds: number;
}

test.runIf(nativeOrNothing() && process.platform === "linux")(
  "5,000 decode steps: resident memory is flat, no thread, file, mapping or tensor is left",
  () => {
    const { distinct, after, disposed } = runProcess("soak.js", "10000") as {
      distinct: number;
      after: [Look, Look];
      disposed: Look;
    };
    // It did decode.
    expect(distinct).toBeGreaterThan(100);
    const [{ anonymous: first, ...early }, { anonymous: last, ...late }] = after;
    expect(late).toEqual(early);
    expect(early.mappings).toBe(1);
    // In KiB, over 5,000 steps after as many in which V8's heap found its size: a leak of a kilobyte a step is more. `npm run soak` takes 100,000.
    expect(last - first).toBeLessThan(4096);
    expect(disposed).toMatchObject({ numTensors: 0, numDataBuffers: 0, dataIds: 0 });
  },
);
