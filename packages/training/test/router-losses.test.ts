import { loadBalancingLoss } from "@mixtape/decoder";
import { topKIndices, valueAndGradientsOf } from "@mixtape/ops";
import { onEachEngine } from "@mixtape/testing";
import { type Scalar, type Tensor2D, tensor2d, tidy } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { expertCounts, routerZLoss, switchLoss } from "../src/index.js";

const TOKENS = Float32Array.of(1, 1, 0, 1);
const mask = { rows: 2, length: 2, values: Int32Array.of(1, 1, 0, 1) };
const logitsOf = (layer: number): Tensor2D =>
  tensor2d(
    Array.from({ length: 12 }, (_, i) => Math.sin(i * 2.3 + layer)),
    [4, 3],
  );

onEachEngine(() => {
  test("with softmax it is the reference's load balancing loss, gradient and all", () => {
    tidy(() => {
      const logits = [logitsOf(0), logitsOf(1)];
      const indices = logits.map((one) => topKIndices(one, 2));
      const [ours, theirs] = [
        () => switchLoss({ logits, indices, score: "softmax", tokens: TOKENS }),
        () => loadBalancingLoss(logits, 2, mask),
      ].map((f) => {
        const { value, gradients } = valueAndGradientsOf(f, logits);
        return [value, ...gradients].map((one) => [...one!.dataSync()]);
      });
      for (const [i, values] of ours!.entries())
        for (const [at, value] of values.entries()) expect(value).toBeCloseTo(theirs![i]![at]!, 6);
    });
  });

  test("with sigmoid scores sum to 1 first", () => {
    tidy(() => {
      const logits = tensor2d([
        [2, -1, 0],
        [0, 3, 1],
      ]);
      const indices = tensor2d([[0], [1]], [2, 1], "int32");
      const loss = switchLoss({
        logits: [logits],
        indices: [indices],
        score: "sigmoid",
        tokens: Float32Array.of(1, 1),
      });
      const scores = [...logits.dataSync()].map((x) => 1 / (1 + Math.exp(-x)));
      const rows = [scores.slice(0, 3), scores.slice(3)].map((row) =>
        row.map((s) => s / (row[0]! + row[1]! + row[2]!)),
      );
      const mean = (expert: number): number => (rows[0]![expert]! + rows[1]![expert]!) / 2;
      expect(loss.dataSync()[0]).toBeCloseTo(3 * (0.5 * mean(0) + 0.5 * mean(1)), 5);
    });
  });

  test("an even load costs 1 times K, a load on one expert up to E", () => {
    tidy(() => {
      const even = {
        logits: [
          tensor2d([
            [0, 0],
            [0, 0],
          ]),
        ],
        indices: [tensor2d([[0], [1]], [2, 1], "int32")],
      };
      const one = {
        logits: [
          tensor2d([
            [50, 0],
            [50, 0],
          ]),
        ],
        indices: [tensor2d([[0], [0]], [2, 1], "int32")],
      };
      const of = (routings: typeof even): number =>
        switchLoss({ ...routings, score: "softmax", tokens: Float32Array.of(1, 1) }).dataSync()[0]!;
      expect([of(even), of(one)]).toEqual([1, 2]);
    });
  });

  test("the z-loss is the mean of logsumexp², padding left out", () => {
    tidy(() => {
      const logits = [logitsOf(0), logitsOf(1)];
      const squares = logits.map((layer) =>
        (layer.arraySync() as number[][]).map((row) => Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) ** 2),
      );
      const kept = squares.flatMap((layer) => layer.filter((_, i) => TOKENS[i] === 1));
      const { value, gradients } = valueAndGradientsOf(() => routerZLoss({ logits, tokens: TOKENS }) as Scalar, logits);
      expect(value.dataSync()[0]).toBeCloseTo(kept.reduce((a, b) => a + b, 0) / 6, 5);
      expect([...gradients[0]!.dataSync()].slice(6, 9)).toEqual([0, 0, 0]);
      expect([...gradients[0]!.dataSync()].slice(0, 6).every((slope) => slope !== 0)).toBe(true);
    });
  });

  test("counts leave padding out, and count every choice", () => {
    tidy(() => {
      const indices = tensor2d([0, 2, 2, 1, 0, 1, 3, 2], [4, 2], "int32");
      expect([...expertCounts(indices, 5, TOKENS).dataSync()]).toEqual([1, 1, 3, 1, 0]);
    });
  });
});
