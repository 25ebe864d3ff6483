/** The kernels written in TypeScript against the compositions that define them, and what they do with odd numbers. */

import {
  getKernelsForBackend,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tensor1d,
  tensor2d,
  tidy,
  unsortedSegmentSum,
} from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import {
  ACTIVATIONS,
  AttentionMask,
  attention,
  FUSED_KERNELS,
  gate,
  gatedMlp,
  linear,
  registerHostKernels,
  rmsNorm,
  rotary,
  takeAlongAxis,
} from "../../src/index.js";
import { HOST_KERNELS } from "../../src/kernels/register.js";
import { runCase } from "../support/cases.js";
import { CATALOGUE } from "../support/catalogue.js";
import { expectClose, expectTensor } from "../support/close.js";
import { CONTRACTS } from "../support/contracts.js";
import { HOSTS, useBackend } from "../support/engines.js";
import { composed, fusedKernels } from "../support/kernels.js";
import { MovingHost, onMovingHost } from "../support/moving-host.js";
import { GATINGS } from "../support/simple-cases.js";
import { choices, floats, integers, normal, toTensor } from "../support/values.js";
import { weightOf } from "../support/weights.js";

const size = (max: number) => fc.integer({ min: 1, max });
const seed = fc.integer();
const layout = fc.constantFrom("plain" as const, "transposed" as const);
const gating = fc.constantFrom(...GATINGS);
const scale = fc.constantFrom(0.01, 1, 20);

/** Checks that `run` gives with kernels what it gives without. The factor is for sums of products of many numbers. */
function same(run: () => Tensor, factor = 1): void {
  tidy(() => {
    const y = run();
    const expected = composed(run);
    const values = expected.dataSync();
    const largest = Math.max(1, ...[...values].map(Math.abs));
    expectTensor(y, { shape: expected.shape, values }, { absolute: 2e-6 * factor * largest, relative: 0 });
  });
}

describe.skipIf(HOSTS.length === 0).each(HOSTS)("on %s", (engine) => {
  beforeAll(() => useBackend(engine));

  test("there are these", () => {
    const without = [
      "Embedding",
      "Experts",
      "ProjectHeads",
      "ChooseExperts",
      "AdamW",
      "SumOfSquares",
      "CrossEntropy",
      "GroupedMatMul",
      "GroupedGradWeight",
      "GatedDeltaRule",
      "CausalConvolution",
    ];
    const expected = FUSED_KERNELS.filter((kernel) => !without.includes(kernel.slice("Mixtape".length)));
    expect(fusedKernels()).toEqual(expected.sort());
  });

  test("linear", () => {
    fc.assert(
      fc.property(
        fc.array(size(3), { maxLength: 3 }),
        size(19),
        size(9),
        layout,
        fc.boolean(),
        seed,
        (batch, width, out, layout, hasBias, seed) => {
          same(() => {
            const x = toTensor(normal(seed, [...batch, width]));
            const weight = weightOf(toTensor(normal(seed + 1, [out, width])), "matrix", { layout });
            const bias = hasBias ? (toTensor(normal(seed + 2, [out])) as Tensor1D) : undefined;
            return linear(x, weight, bias);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  test("rmsNorm", () => {
    fc.assert(
      fc.property(
        fc.array(size(4), { minLength: 0, maxLength: 3 }),
        size(17),
        fc.constantFrom(1e-6, 1e-5, 0.5),
        scale,
        fc.boolean(),
        seed,
        (batch, n, eps, scale, hasResidual, seed) => {
          same(() => {
            const x = toTensor(normal(seed, [...batch, n], { scale }));
            const residual = hasResidual ? toTensor(normal(seed + 2, [...batch, n])) : undefined;
            return rmsNorm(x, toTensor(normal(seed + 1, [n])) as Tensor1D, eps, residual);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  test("rotary", () => {
    fc.assert(
      fc.property(
        fc.tuple(size(3), size(3), size(4), size(4), size(4)),
        fc.boolean(),
        fc.boolean(),
        seed,
        ([b, h, l, half, more], own, interleaved, seed) => {
          same(() => {
            const d = 2 * half;
            const x = toTensor(normal(seed, [b, h, l, d + more - 1])) as Tensor4D;
            const table = (seed: number) => toTensor(normal(seed, [own ? b : 1, l, d])) as Tensor3D;
            return rotary(x, { cos: table(seed + 1), sin: table(seed + 2) }, { interleaved });
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  test("attention", () => {
    fc.assert(
      fc.property(
        fc.record({
          b: size(3),
          g: size(3),
          group: size(3),
          l: size(4),
          past: fc.nat(4),
          d: size(5),
          window: fc.option(size(6)),
          scale,
          seed,
        }),
        fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }),
        fc.boolean(),
        ({ b, g, group, l, past, d, window, scale, seed }, tokens, padded) => {
          const keys = l + past;
          const values = Uint8Array.from({ length: b * keys }, (_, i) => Number(tokens[i % tokens.length]));
          const keyPadding = padded ? { rows: b, values } : null;
          const mask = new AttentionMask({ queries: l, keys, window, keyPadding });
          same(() => {
            const q = toTensor(normal(seed, [b, g * group, l, d])) as Tensor4D;
            const k = toTensor(normal(seed + 1, [b, g, keys, d])) as Tensor4D;
            const v = toTensor(normal(seed + 2, [b, g, keys, d])) as Tensor4D;
            return attention(q, k, v, mask, scale / Math.sqrt(d));
          }, 20);
          mask.dispose();
        },
      ),
      { numRuns: 100 },
    );
  });

  test("gate", () => {
    fc.assert(
      fc.property(
        fc.array(size(5), { minLength: 1, maxLength: 3 }),
        gating,
        scale,
        seed,
        (shape, kind, scale, seed) => {
          same(() => gate(toTensor(normal(seed, shape, { scale })), toTensor(normal(seed + 1, shape)), kind));
        },
      ),
      { numRuns: 60 },
    );
  });

  test("gatedMlp", () => {
    fc.assert(
      fc.property(
        fc.array(size(3), { minLength: 0, maxLength: 2 }),
        size(9),
        size(9),
        layout,
        gating,
        seed,
        (batch, hidden, inner, layout, kind, seed) => {
          same(() => {
            const matrix = (seed: number, rows: number, columns: number) =>
              weightOf(toTensor(normal(seed, [rows, columns])), "matrix", { layout });
            const weights = {
              gate: matrix(seed, inner, hidden),
              up: matrix(seed + 1, inner, hidden),
              down: matrix(seed + 2, hidden, inner),
            };
            return gatedMlp(toTensor(normal(seed + 3, [...batch, hidden])), weights, kind);
          }, 4);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("takeAlongAxis", () => {
    fc.assert(
      fc.property(size(5), size(9), fc.nat(), seed, (t, e, k, seed) => {
        same(() => {
          const x = toTensor(normal(seed, [t, e])) as Tensor2D;
          return takeAlongAxis(x, toTensor(choices(seed, t, 1 + (k % e), e)) as Tensor2D);
        });
      }),
      { numRuns: 60 },
    );
  });

  test("what is not a number stays so", () => {
    const bad = [Number.NaN, 1, 2, 3];
    const x = tensor2d(bad, [1, 4]);
    const scales = tensor1d([1, 1, 1, 1]);
    const allNaN = (y: Tensor) => expect([...y.dataSync()]).toEqual(new Array(y.size).fill(Number.NaN));
    allNaN(rmsNorm(x, scales, 1e-5));
    allNaN(linear(x, weightOf(toTensor(normal(1, [3, 4])), "matrix")));
    for (const kind of ACTIVATIONS) {
      expect(gate(x, x, kind).dataSync()[0]).toBeNaN();
    }
    const head = (values: number[]) => toTensor(floats(values, [1, 1, 2, 2])) as Tensor4D;
    const mask = new AttentionMask({ queries: 2, keys: 2 });
    const good = [1, 2, 3, 4];
    // Not the even mean that a query without keys gets.
    for (const [q, k] of [
      [bad, good],
      [good, bad],
    ] as const) {
      const y = attention(head(q), head(k), head(good), mask, 1).dataSync();
      expect([...y.slice(0, 2)]).toEqual([Number.NaN, Number.NaN]);
    }
    mask.dispose();
  });

  test("registering them again changes nothing", () => {
    const before = fusedKernels();
    registerHostKernels(engine);
    expect(fusedKernels()).toEqual(before);
  });

  test("UnsortedSegmentSum, which wasm lacks, sums rows by segment", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 8 }),
        size(3),
        seed,
        (ids, width, seed) => {
          tidy(() => {
            const x = normal(seed, [ids.length, width]);
            const expected = new Float64Array(6 * width);
            ids.forEach((id, row) => {
              for (let i = 0; i < width; i++) expected[id * width + i]! += x.values[row * width + i]!;
            });
            const y = unsortedSegmentSum(toTensor(x), tensor1d(ids, "int32"), 6);
            expectTensor(y, { shape: [6, width], values: expected }, { absolute: 1e-5, relative: 1e-6 });
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  test("UnsortedSegmentSum leaves out rows of segments that there are not", () => {
    const y = unsortedSegmentSum(tensor2d([1, 2, 3], [3, 1]), tensor1d([-1, 1, 2], "int32"), 2);
    expectTensor(y, { shape: [2, 1], values: [0, 2] });
  });
});

describe("where memory moves, as wasm's does when it grows", () => {
  beforeAll(() => useBackend("cpu"));

  const moving = HOST_KERNELS.flatMap((kernel) =>
    CATALOGUE.filter((entry) => entry.kernel === kernel.name).map((entry) => ({ ...entry, kernel })),
  );
  const ours = HOST_KERNELS.filter(({ name }) => name.startsWith("Mixtape"));
  test("each kernel of ours is looked at", () =>
    expect(new Set(moving.map(({ kernel }) => kernel))).toEqual(new Set(ours)));

  describe.each(moving)("$kernel.name", ({ kernel, cases }) => {
    test.each(cases)("$name", (one) => {
      const { values } = onMovingHost(kernel, () => runCase(one));
      expectClose(values, one.formula(one.inputs), { absolute: 5e-6, relative: 5e-6 });
    });
  });

  test("UnsortedSegmentSum", () => {
    const kernel = HOST_KERNELS.find(({ name }) => name === "UnsortedSegmentSum")!;
    const host = new MovingHost();
    const inputs = { x: host.tensor(floats([1, 2, 3, 4], [2, 2])), segmentIds: host.tensor(integers([1, 1])) };
    const out = kernel.run(host, inputs, { numSegments: 2 });
    expect([...host.floats(out)]).toEqual([0, 0, 4, 6]);
  });
});

test("the list of fused kernels is that of the contracts", () => {
  expect([...FUSED_KERNELS].sort()).toEqual(CONTRACTS.map(({ kernel }) => kernel).sort());
});

test("an engine that they are not for gets none", () => {
  registerHostKernels("webgpu");
  expect(getKernelsForBackend("webgpu")).toEqual([]);
});
