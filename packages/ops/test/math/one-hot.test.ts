import { memory, tensor2d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { oneHot } from "../../src/index.js";
import { expectTensor } from "../support/close.js";
import { ENGINES, useBackend } from "../support/engines.js";

const EXACTLY = { absolute: 0, relative: 0 };

describe.each(ENGINES)("on %s", (engine) => {
  beforeAll(() => useBackend(engine));

  test.each([
    ["float32 ones at the indices", [1, 0, 2, 2], 3, [0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1]],
    ["a depth of one", [0, 0, 0, 0], 1, [1, 1, 1, 1]],
    ["zeros for an index that there is not", [-1, 2, 1, 7], 2, [0, 0, 0, 0, 0, 1, 0, 0]],
  ])("%s", (_, indices, depth, values) => {
    const before = memory().numTensors;
    tidy(() => {
      const y = oneHot(tensor2d(indices, [2, 2], "int32"), depth);
      expect(y.dtype).toBe("float32");
      expectTensor(y, { shape: [2, 2, depth], values }, EXACTLY);
    });
    expect(memory().numTensors).toBe(before);
  });

  test("it leaves nothing but its output", () => {
    const indices = tensor2d([[1, 0]], [1, 2], "int32");
    const before = memory().numTensors;
    oneHot(indices, 3).dispose();
    expect(memory().numTensors).toBe(before);
  });
});
