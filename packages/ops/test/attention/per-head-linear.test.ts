/** Rows by the part of one matrix that belongs to their head: as multiplying number by number, with the gradients of that. */

import { dispose, mul, sum, type Tensor, type Tensor3D, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { OpsError, perHeadLinear, perHeadTransposedLinear, valueAndGradientsOf } from "../../src/index.js";
import { expectClose } from "../support/close.js";
import { ENGINES, useBackend } from "../support/engines.js";
import { normal, toTensor } from "../support/values.js";
import { PLACEMENTS, weightOf } from "../support/weights.js";

const [H, T, N, IN] = [3, 4, 2, 5];
const matrix = normal(1, [H * N, IN]);
const x = normal(2, [H, T, IN]);
const y = normal(3, [H, T, N]);

/** `W[h][n][i]`, `x[h][t][i]` and `y[h][t][n]`. */
const w = (h: number, n: number, i: number): number => matrix.values[(h * N + n) * IN + i]!;
const xAt = (h: number, t: number, i: number): number => x.values[(h * T + t) * IN + i]!;
const yAt = (h: number, t: number, n: number): number => y.values[(h * T + t) * N + n]!;

/** `f(i)` of all i below n, added up. */
const total = (n: number, f: (i: number) => number): number =>
  Array.from({ length: n }, (_, i) => f(i)).reduce((a, b) => a + b);
/** `f` of all indices of `[H, rows, columns]`, row-major. */
const all = (rows: number, columns: number, f: (h: number, row: number, column: number) => number): number[] =>
  Array.from({ length: H * rows * columns }, (_, at) =>
    f(Math.floor(at / (rows * columns)), Math.floor(at / columns) % rows, at % columns),
  );

const FORWARD = all(T, N, (h, t, n) => total(IN, (i) => xAt(h, t, i) * w(h, n, i)));
const BACKWARD = all(T, IN, (h, t, i) => total(N, (n) => yAt(h, t, n) * w(h, n, i)));
/** The gradient of `Σ y · (x·Wᵀ)`, and of `Σ x · (y·W)`, by the matrix. */
const BY_MATRIX = all(N, IN, (h, n, i) => total(T, (t) => yAt(h, t, n) * xAt(h, t, i)));

describe.each(ENGINES)("on %s", (name) => {
  beforeAll(() => useBackend(name));

  test.each(PLACEMENTS.filter(({ stacks }) => stacks === "together"))("$layout", async (placement) => {
    const [rows, outputs, weights] = [toTensor(x) as Tensor3D, toTensor(y) as Tensor3D, toTensor(matrix)];
    const weight = () => weightOf(weights, "matrix", placement);
    const { value: a, gradients: ofLinear } = valueAndGradientsOf(
      () => sum(mul(perHeadLinear(rows, weight()), outputs)),
      [rows, weights],
    );
    const { value: b, gradients: ofTransposed } = valueAndGradientsOf(
      () => sum(mul(perHeadTransposedLinear(outputs, weight()), rows)),
      [outputs, weights],
    );
    const [forward, backward] = tidy(() => [
      perHeadLinear(rows, weight()),
      perHeadTransposedLinear(outputs, weight()),
    ]) as [Tensor3D, Tensor3D];
    expect([forward.shape, backward.shape]).toEqual([
      [H, T, N],
      [H, T, IN],
    ]);
    expectClose(await forward.data(), FORWARD);
    expectClose(await backward.data(), BACKWARD);
    expectClose(await ofLinear[0]!.data(), BACKWARD);
    expectClose(await ofTransposed[0]!.data(), FORWARD);
    for (const { 1: byMatrix } of [ofLinear, ofTransposed]) expectClose(await byMatrix!.data(), BY_MATRIX);
    const gradients = [...ofLinear, ...ofTransposed] as Tensor[];
    dispose([rows, outputs, weights, a, b, forward, backward, ...gradients]);
  });

  test("refuses shapes that do not fit", () => {
    tidy(() => {
      const weight = weightOf(toTensor(matrix), "matrix", PLACEMENTS[0]!);
      const message = (shape: number[], expected: string) =>
        `perHeadLinear [${H * N},${IN}]: expected ${expected}, got [${shape}].`;
      const of = (shape: [number, number, number]) => toTensor(normal(4, shape)) as Tensor3D;
      expect(() => perHeadLinear(of([H, T, N]), weight)).toThrow(message([H, T, N], `[${H}, T, ${IN}]`));
      expect(() => perHeadTransposedLinear(of([H, T, IN]), weight)).toThrow(message([H, T, IN], `[${H}, T, ${N}]`));
      expect(() => perHeadLinear(of([4, T, IN]), weight)).toThrow("as many heads as divide its 6 rows");
      expect(() => perHeadLinear(of([4, T, IN]), weight)).toThrow(OpsError);
    });
  });
});
