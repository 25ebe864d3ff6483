import { add, tensor2d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { LayerNorm } from "../src/index.js";
import { useCpu, viewOf } from "./support/cpu.js";

beforeAll(useCpu);

const WEIGHT = [0.5, 1, -2, 1.5];
const BIAS = [0.1, -0.2, 0.3, 0];
/** What `torch.nn.functional.layer_norm` of torch 2.13.0 gives, with a bias and without. */
const OF_TORCH = {
  biased: [0.2052792, -1.6739088, -2.3670731, -0.1052792, 0.060837, -0.2783261, 0.4566521, 0.3524672],
  plain: [0.1052792, -1.4739088, -2.667073, -0.1052792, -0.039163, -0.0783261, 0.1566521, 0.3524672],
};

test.each([
  [true, OF_TORCH.biased],
  [false, OF_TORCH.plain],
])("with a bias %s: torch's numbers, and a residual is added", async (bias, expected) => {
  const norm = new LayerNorm(4, 1e-5, { bias });
  await norm.weight.load(viewOf([4], WEIGHT));
  if (norm.bias) await norm.bias.load(viewOf([4], BIAS));
  expect([...norm.namedParameters()].map(([name]) => name)).toEqual(bias ? ["weight", "bias"] : ["weight"]);
  tidy(() => {
    const x = tensor2d([
      [1, -2, 3, 0.5],
      [0, 0, 0, 1e-3],
    ]);
    const [normed, added] = [norm.forward(x).dataSync(), norm.forward(x, x).dataSync()];
    for (const [i, value] of expected.entries()) expect(normed[i]).toBeCloseTo(value, 5);
    const sum = add(x, norm.forward(x)).dataSync();
    for (const [i, value] of sum.entries()) expect(added[i]).toBeCloseTo(value, 6);
  });
  norm.dispose();
});
