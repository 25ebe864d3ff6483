/** Rows by matrices of a stack: as multiplying each row alone, with the gradients of that, however the stack is laid out. */

import { dispose, mul, sum, type Tensor, type Tensor1D, type Tensor2D, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { groupedLinear, groupRows, OpsError, valueAndGradientsOf } from "../../src/index.js";
import { expectClose } from "../support/close.js";
import { ENGINES, useBackend } from "../support/engines.js";
import { normal, toTensor } from "../support/values.js";
import { PLACEMENTS, weightOf } from "../support/weights.js";

const [N, IN, OUT, E] = [5, 3, 2, 4];
const x = normal(1, [N, IN]);
const stack = normal(2, [E, OUT, IN]);
const upstream = normal(3, [N, OUT]);
/** Out of order, one twice in a row, and one matrix that no row meets. */
const IDS = [2, 0, 0, 3, 2];

const at = (n: number, o: number): number =>
  Array.from({ length: IN }, (_, i) => x.values[n * IN + i]! * stack.values[(IDS[n]! * OUT + o) * IN + i]!).reduce(
    (sum, product) => sum + product,
  );
const EXPECTED = Array.from({ length: N * OUT }, (_, i) => at(Math.floor(i / OUT), i % OUT));
/** The gradients of `Σ upstream · y`. */
const BY_X = Array.from({ length: N * IN }, (_, i) => {
  const [n, column] = [Math.floor(i / IN), i % IN];
  return [0, 1].reduce(
    (sum, o) => sum + upstream.values[n * OUT + o]! * stack.values[(IDS[n]! * OUT + o) * IN + column]!,
    0,
  );
});
const BY_STACK = Array.from({ length: E * OUT * IN }, (_, i) => {
  const [e, o, column] = [Math.floor(i / (OUT * IN)), Math.floor(i / IN) % OUT, i % IN];
  return IDS.reduce(
    (sum, id, n) => (id === e ? sum + upstream.values[n * OUT + o]! * x.values[n * IN + column]! : sum),
    0,
  );
});

describe.each(ENGINES)("on %s", (name) => {
  beforeAll(() => useBackend(name));

  describe.each([true, false])("ids read back: %s", (isRead) => {
    test.each(PLACEMENTS)("$layout, $stacks", async (placement) => {
      const ids = tensor1d(IDS, "int32");
      const groups = isRead ? groupRows(ids, E) : { ids, sorted: null };
      const [rows, matrices, dy] = [toTensor(x) as Tensor2D, toTensor(stack), toTensor(upstream)];
      const output = tidy(() => groupedLinear(rows, weightOf(matrices, "stack", placement), groups));
      expect(output.shape).toEqual([N, OUT]);
      expectClose(await output.data(), EXPECTED);
      const { value, gradients } = valueAndGradientsOf(
        () => sum(mul(groupedLinear(rows, weightOf(matrices, "stack", placement), groups), dy)),
        [rows, matrices],
      );
      expectClose(await gradients[0]!.data(), BY_X);
      expectClose(await gradients[1]!.data(), BY_STACK);
      dispose([ids, rows, matrices, dy, output, value, ...(gradients as Tensor[])]);
    });
  });

  test("refuses rows and ids that do not fit", () => {
    const ids = tensor1d([0, 1], "int32") as Tensor1D;
    const groups = groupRows(ids, E);
    const weight = weightOf(toTensor(stack), "stack");
    expect(() => groupedLinear(toTensor(x) as Tensor2D, weight, groups)).toThrow(OpsError);
    expect(() => groupedLinear(toTensor(normal(1, [2, IN + 1])) as Tensor2D, weight, groups)).toThrow(
      "groupedLinear [4,2,3]: expected rows [N, 3] and N ids, N at least 1, got [2,4] and 2 ids.",
    );
  });
});
