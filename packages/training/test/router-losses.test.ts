import { readFileSync } from "node:fs";
import {
  type CapturedRouting,
  captureRouting,
  loadBalancingLoss,
  Router,
  routerZLoss,
  SoftmaxRouter,
  TokenMask,
  type TokenRouter,
} from "@mixtape/layers";
import { MixtralDecoderLayer, MixtralForCausalLM, mixtral } from "@mixtape/mixtral";
import { topKIndices, valueAndGradientsOf } from "@mixtape/ops";
import { fixture, onEachEngine, withoutLeak } from "@mixtape/testing";
import { sigmoid, type Tensor2D, tensor2d, tidy } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { CausalLMTask, lossAndGradients, unfreeze } from "../src/index.js";

const config = { hiddenSize: 2, numExperts: 3, numExpertsPerTok: 2 };
const MASK = new TokenMask(2, Uint8Array.of(1, 1, 0, 1));
const LOGITS = [0, 1].map((layer) => Array.from({ length: 12 }, (_, i) => Math.sin(i * 2.3 + layer)));

/** Two layers of four tokens, of which the third is padding. Their last tokens use one slot. */
function routingsOf(router: TokenRouter): CapturedRouting[] {
  return LOGITS.map((values, layer) => {
    const logits = tensor2d(values, [4, 3]);
    const chosen = [...topKIndices(logits, 2).dataSync()];
    const indices = tensor2d([...chosen.slice(0, 7), -1], [4, 2], "int32");
    return captureRouting({ logits, indices, weights: logits }, { router, layer, rows: 2, tokenMask: MASK });
  });
}

interface GoldenLoss {
  readonly loss: number;
  readonly gradients: number[][][];
}
/** Losses and gradients of transformers' `load_balancing_loss_func` and `router_z_loss_func`. */
const golden = Object.entries(
  JSON.parse(readFileSync(fixture("router-losses.json"), "utf8")) as Record<
    string,
    {
      readonly top_k: number;
      readonly attention_mask: number[][] | null;
      readonly router_logits: number[][][];
      readonly load_balancing: GoldenLoss;
      readonly z: GoldenLoss;
    }
  >,
);

onEachEngine(() => {
  test.each(golden)("losses of softmax routers are those of transformers: %s", (_, one) => {
    const [layer] = one.router_logits as [number[][]];
    const router = new SoftmaxRouter({ hiddenSize: 1, numExperts: layer[0]!.length, numExpertsPerTok: one.top_k });
    const mask = one.attention_mask;
    const rows = mask?.length ?? 1;
    const tokenMask = mask ? new TokenMask(rows, Uint8Array.from(mask.flat())) : null;
    for (const [lossOf, expected] of [
      [loadBalancingLoss, one.load_balancing],
      [routerZLoss, one.z],
    ] as const)
      tidy(() => {
        const routings = one.router_logits.map((values, i) =>
          captureRouting(router.routeLogits(tensor2d(values)), { router, layer: i, rows, tokenMask }),
        );
        const logits = routings.map((routing) => routing.logits);
        const { value, gradients } = valueAndGradientsOf(() => lossOf(routings), logits);
        expect(value.dataSync()[0]).toBeCloseTo(expected.loss, 5);
        for (const [i, gradient] of gradients.entries())
          for (const [at, slope] of gradient!.dataSync().entries())
            expect(slope).toBeCloseTo(expected.gradients[i]!.flat()[at]!, 6);
      });
  });

  test("gradients of both losses are the derivatives; padding has none", () => {
    const router = new SoftmaxRouter(config);
    for (const lossOf of [loadBalancingLoss, routerZLoss])
      tidy(() => {
        const routings = routingsOf(router);
        const logits = routings.map((routing) => routing.logits);
        const { value, gradients } = valueAndGradientsOf(() => lossOf(routings), logits);
        const along = LOGITS.map((row) => row.map((_, i) => Math.cos(i * 1.3)));
        const moved = (step: number): number =>
          lossOf(
            routings.map((routing, layer) => {
              const values = LOGITS[layer]!.map((logit, i) => logit + step * along[layer]![i]!);
              return { ...routing, logits: tensor2d(values, [4, 3]) };
            }),
          ).dataSync()[0]!;
        const slopes = gradients.map((gradient) => [...gradient!.dataSync()]);
        const slope = slopes.flatMap((row, layer) => row.map((x, i) => x * along[layer]![i]!)).reduce((a, b) => a + b);
        expect(Number.isFinite(value.dataSync()[0])).toBe(true);
        expect((moved(0.05) - moved(-0.05)) / 0.1).toBeCloseTo(slope, 3);
        for (const row of slopes) expect(row.slice(6, 9)).toEqual([0, 0, 0]);
        expect(slopes.flat().filter((x) => x !== 0)).toHaveLength(18);
      });
  });

  test("counts leave padding and unused slots out", () => {
    const router = new SoftmaxRouter({ ...config, numExperts: 5 });
    tidy(() => {
      const indices = tensor2d([0, 2, 2, 1, 0, 1, 3, -1], [4, 2], "int32");
      const routing = captureRouting({ logits: indices, indices, weights: indices }, { router, tokenMask: MASK });
      expect([...router.expertCounts(routing).dataSync()]).toEqual([1, 1, 2, 1, 0]);
    });
  });

  test("a router of one's own trains by its own scores", async () => {
    /** A router that says nothing of losses. */
    class SigmoidRouter extends Router {
      protected override score(logits: Tensor2D): Tensor2D {
        return sigmoid(logits);
      }
    }
    class SigmoidLayer extends MixtralDecoderLayer {
      override buildRouter(config: ConstructorParameters<typeof SigmoidRouter>[0]): TokenRouter {
        return new SigmoidRouter(config);
      }
    }
    class SigmoidForCausalLM extends MixtralForCausalLM {
      static override readonly family = mixtral.extend({ layer: SigmoidLayer });
    }
    await withoutLeak(async () => {
      const model = await SigmoidForCausalLM.fromPretrained(fixture("models/mixtral/basic"));
      const params = unfreeze(model, (name) => name.endsWith("router.gate.weight"));
      const inputIds = [
        [5, 11, 2, 7, 3, 0],
        [1, 90, 33, 8, 4, 4],
      ];
      const attentionMask = [
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1, 1],
      ];
      const batch = { inputIds, attentionMask, labels: inputIds };
      const task = new CausalLMTask(model, { auxLossCoef: 1 });
      const auxLoss = () => task.loss(batch, { numItems: 10, batches: 1 }).metrics!.auxLoss!;
      const { loss, gradients } = lossAndGradients(auxLoss, params);

      const { logits, routings } = model.forward({ inputIds, attentionMask, outputRoutings: true });
      const mask = attentionMask.flat();
      const experts = model.config.numExperts;
      const [share, probability] = [0, 1].map(() => new Array<number>(experts).fill(0)) as [number[], number[]];
      for (const routing of routings!) {
        const rows = routing.logits.arraySync();
        const chosen = routing.indices.arraySync();
        for (const [t, row] of rows.entries()) {
          if (mask[t] === 0) continue;
          const scores = row.map((x) => 1 / (1 + Math.exp(-x)));
          const sum = scores.reduce((a, b) => a + b);
          for (const e of chosen[t]!) share[e]! += 1 / (10 * routings!.length);
          for (const [e, score] of scores.entries()) probability[e]! += score / sum / (10 * routings!.length);
        }
      }
      const expected = experts * share.reduce((sum, f, e) => sum + f * probability[e]!, 0);
      expect(loss.dataSync()[0]).toBeCloseTo(expected, 5);
      for (const [name] of params) expect([...gradients.get(name)[0]!.dataSync()].some((x) => x !== 0)).toBe(true);

      // What the softmax of the same logits would give is another number.
      const bySoftmax = routings!.reduce((sum, routing) => {
        const softmaxOf = new SoftmaxRouter(model.config);
        const other = captureRouting(routing, {
          router: softmaxOf,
          rows: 2,
          tokenMask: new TokenMask(2, Uint8Array.from(mask)),
        });
        return sum + tidy(() => loadBalancingLoss([other]).dataSync()[0]!) / routings!.length;
      }, 0);
      expect(Math.abs(bySoftmax - expected)).toBeGreaterThan(1e-3);
      for (const tensor of [loss, logits, ...routings!.flatMap((r) => [r.logits, r.indices, r.weights])])
        tensor.dispose();
      gradients.dispose();
      model.dispose();
    });
  });
});
