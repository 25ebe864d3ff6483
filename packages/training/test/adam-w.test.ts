import { Param } from "@mixtape/layers";
import { fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import { onEachEngine, withoutLeak } from "@mixtape/testing";
import { add, dispose, mul, type Scalar, sum, type Tensor, tensor1d } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import {
  AdamW,
  type AdamWOptions,
  constantSchedule,
  lossAndGradients,
  type NamedParam,
  TrainingError,
} from "../src/index.js";

async function paramOf(values: readonly number[], isTrainable = true): Promise<Param> {
  const param = new Param([values.length], "vector");
  if (isTrainable) param.unfreeze();
  await param.load(viewOfBytes("values", "F32", param.shape, fromFloat32(Float32Array.from(values), "F32")));
  return param;
}

/** Parameters a, b and c, of which the loss is a·[3, 4] + b·12: a gradient of length 13, and none for c. */
async function setUp(): Promise<{ params: NamedParam[]; loss: () => Scalar; values: () => number[][]; free(): void }> {
  const [a, b, c] = [await paramOf([1, 2]), await paramOf([3]), await paramOf([5])];
  const slopes = [tensor1d([3, 4]), tensor1d([12])];
  return {
    params: [
      ["a", a],
      ["b", b],
      ["c", c],
    ],
    loss: () => add(sum(mul(a.vector, slopes[0]!)), sum(mul(b.vector, slopes[1]!))) as Scalar,
    values: () => [a, b, c].map(({ vector }) => [...vector.dataSync()]),
    free: () => dispose([...slopes, ...[a, b, c].map(({ vector }) => vector as Tensor)]),
  };
}

/** So many steps, and what they did to the parameters. */
async function run(options: AdamWOptions, steps = 1) {
  return withoutLeak(async () => {
    const { params, loss: lossOf, values, free } = await setUp();
    const before = values();
    const optimizer = new AdamW(params, options);
    let last: Awaited<ReturnType<AdamW["step"]>> | undefined;
    for (let i = 0; i < steps; i++) {
      const { loss, gradients } = lossAndGradients(lossOf, params);
      last = await optimizer.step(gradients);
      gradients.dispose();
      loss.dispose();
    }
    const moves = values().map((row, i) => row.map((value, at) => value - before[i]![at]!));
    optimizer.dispose();
    free();
    return { moves, last: last!, steps: optimizer.steps };
  });
}

onEachEngine(() => {
  // The first step of Adam is the learning rate against the sign of the gradient, whatever its size.
  const plain = { learningRate: 0.1, weightDecay: 0 };

  test("what the loss does not use is left alone, decay and all", async () => {
    const { moves, last } = await run({ ...plain, weightDecay: 0.5 });
    expect(last).toEqual({ gradNorm: 13, gradNorms: {}, learningRate: 0.1 });
    for (const [move, expected] of [
      [moves[0]![0], -0.1 - 0.05 * 1],
      [moves[0]![1], -0.1 - 0.05 * 2],
      [moves[1]![0], -0.1 - 0.05 * 3],
      [moves[2]![0], 0],
    ])
      expect(move).toBeCloseTo(expected!, 5);
  });

  test("groups have settings of their own; the ratio of LoRA+ multiplies the learning rate", async () => {
    const { moves, last } = await run({
      ...plain,
      schedule: constantSchedule({ warmupSteps: 0 }),
      groups: [
        { name: "doubled", match: (name) => name === "b", learningRateRatio: 16 },
        { match: (name) => name !== "b", learningRate: 0.2, schedule: () => 0.5, weightDecay: 0.1 },
      ],
    });
    expect(last.learningRate).toBe(0.1);
    expect(moves[1]![0]).toBeCloseTo(-1.6, 5);
    expect(moves[0]![0]).toBeCloseTo(-0.1 - 0.01 * 1, 5);
  });

  test("with LoRA+, gradients of a group are shortened as one vector, as clip_grad_norm_ does before torch's AdamW", async () => {
    const group = {
      name: "adapter",
      match: (name: string) => name !== "c",
      learningRateRatio: (name: string) => (name === "b" ? 16 : 1),
      maxGradNorm: 1.3,
    };
    const { moves, last } = await run({ learningRate: 0.1, weightDecay: 0.1, eps: 1, groups: [group] }, 2);
    expect(last).toMatchObject({ gradNorm: 13, gradNorms: { adapter: 13 } });
    // Of torch 2.13, with a and b in groups of their own and one norm over both.
    for (const [i, expected] of [[-0.065823138, -0.096657276], [-2.489018202]].entries())
      for (const [at, value] of expected.entries()) expect(moves[i]![at]).toBeCloseTo(value, 5);
  });

  test("gradients are shortened together, or by the group", async () => {
    // With eps as large as this a step is nearly the gradient itself over eps.
    const settings = { learningRate: 1e6, weightDecay: 0, eps: 1e6 };
    const together = await run({ ...settings, maxGradNorm: 1.3 });
    expect(together.moves[0]![0]).toBeCloseTo(-0.3, 3);
    expect(together.moves[1]![0]).toBeCloseTo(-1.2, 3);
    const apart = await run({
      ...settings,
      groups: [{ name: "own", match: (name) => name === "a", maxGradNorm: 0.5 }],
    });
    expect(apart.last).toMatchObject({ gradNorm: 13, gradNorms: { own: 5 } });
    expect(apart.moves[0]![0]).toBeCloseTo(-0.3, 3);
    expect(apart.moves[1]![0]).toBeCloseTo(-12, 3);
  });

  test("a gradient that is not finite moves nothing", async () => {
    const { params, values, free } = await setUp();
    const before = values();
    const optimizer = new AdamW(params, plain);
    const { loss, gradients } = lossAndGradients(() => mul(sum(params[0]![1].vector), NaN) as Scalar, params);
    await expect(optimizer.step(gradients)).rejects.toThrow(
      "the gradients: expected finite numbers, got a norm of NaN",
    );
    expect([values(), optimizer.steps]).toEqual([before, 0]);
    dispose(loss);
    gradients.dispose();
    optimizer.dispose();
    free();
  });
});

test("what cannot be optimised is refused, and leaves nothing", async () => {
  await withoutLeak(async () => {
    const [param, frozen] = [await paramOf([1]), await paramOf([1], false)];
    const refused = (params: NamedParam[], options: Partial<AdamWOptions>) => () =>
      new AdamW(params, { learningRate: 0.1, ...options });
    expect(refused([], {})).toThrow("AdamW: expected at least one trainable parameter, got none");
    expect(refused([["w", frozen]], {})).toThrow("w: expected an unfrozen parameter");
    expect(
      refused(
        [
          ["w", param],
          ["w", param],
        ],
        {},
      ),
    ).toThrow("w: expected a unique name");
    const own: [string, Param][] = [["w", param]];
    expect(refused(own, { groups: [{ name: "none", match: () => false }] })).toThrow(
      "the parameter group none: expected a name that matches a parameter",
    );
    for (const [wrong, message] of [
      [{ learningRate: NaN }, "learningRate: expected a number at least 0, got NaN"],
      [{ betas: [1, 0.9] as const }, "betas[0]"],
      [{ betas: [0.9, -1] as const }, "betas[1]"],
      [{ eps: -1 }, "eps"],
      [{ weightDecay: -1 }, "weightDecay"],
      [{ maxGradNorm: 0 }, "maxGradNorm"],
      [{ groups: [{ match: () => true, learningRateRatio: -1 }] }, "learningRateRatio"],
      [{ groups: [{ match: () => true, learningRateRatio: () => NaN }] }, "learningRateRatio"],
    ] as const)
      expect(refused(own, wrong)).toThrow(message);
    expect(refused([], {})).toThrow(TrainingError);
    dispose([param.vector, frozen.vector]);
  });
});
