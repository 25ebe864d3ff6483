import { ExpertChoiceRouter, type TokenRouter } from "@mixtape/layers";
import { type MixtralConfig, MixtralDecoderLayer, MixtralForCausalLM, mixtral } from "@mixtape/mixtral";
import { fixture, onEachEngine, withoutLeak } from "@mixtape/testing";
import { expect, test } from "vitest";
import { CausalLMTask, lossAndGradients, type TrainingStep, train, unfreeze } from "../src/index.js";

class ExpertChoiceLayer extends MixtralDecoderLayer {
  override buildRouter(config: MixtralConfig): TokenRouter {
    return new ExpertChoiceRouter(config);
  }
}
/** Mixtral whose experts choose their tokens. */
class ExpertChoiceForCausalLM extends MixtralForCausalLM {
  static override readonly family = mixtral.extend({ layer: ExpertChoiceLayer });
}

const inputIds = [0, 1].map((row) => Array.from({ length: 12 }, (_, i) => (i * i * 5 + row * 23) % 97));
const attentionMask = [new Array<number>(12).fill(1), Array.from({ length: 12 }, (_, i) => (i < 8 ? 1 : 0))];
const labels = inputIds.map((row, b) => row.map((id, i) => (attentionMask[b]![i] === 1 ? id : -100)));
const batch = { inputIds, attentionMask, labels };

onEachEngine(() => {
  test("experts that choose their tokens learn, under an even load", async () => {
    await withoutLeak(async () => {
      const model = await ExpertChoiceForCausalLM.fromPretrained(fixture("models/mixtral/basic"));
      unfreeze(model);
      const steps: TrainingStep[] = [];
      const task = new CausalLMTask(model, { auxLossCoef: 0.1 });
      for await (const step of train(task, { batch: () => batch }, { maxSteps: 8, optimizer: { learningRate: 0.02 } }))
        steps.push(step);
      expect(steps.at(-1)!.loss).toBeLessThan(0.7 * steps[0]!.loss);
      const { numExperts: experts, numExpertsPerTok: k, numHiddenLayers: layers } = model.config;
      const each = Math.ceil((12 * k) / experts) + Math.ceil((8 * k) / experts);
      for (const { expertLoads, metrics } of steps) {
        expect(metrics.auxLoss).toBe(0);
        expect(expertLoads).toHaveLength(layers);
        for (const { counts } of expertLoads) expect(counts).toEqual(counts.map(() => each));
      }
      model.dispose();
    });
  });

  test("gradients are the derivatives, and layers that run again choose alike", async () => {
    await withoutLeak(async () => {
      const model = await ExpertChoiceForCausalLM.fromPretrained(fixture("models/mixtral/basic"));
      const params = unfreeze(model, (name) => /layers\.0.*(gate|experts)/.test(name));
      const run = async (gradientCheckpointing: boolean) => {
        const task = new CausalLMTask(model, { auxLossCoef: 0, gradientCheckpointing });
        const { loss, gradients } = lossAndGradients(() => task.loss(batch, { numItems: 20, batches: 1 }).loss, params);
        const values = await Promise.all(
          params.map(async ([name]) =>
            (await Promise.all(gradients.get(name).map((part) => part!.data()))).flatMap((part) => [...part]),
          ),
        );
        loss.dispose();
        gradients.dispose();
        return values;
      };
      const [plain, again] = [await run(false), await run(true)];
      for (const [i, values] of plain.entries()) {
        expect(
          values.some((slope) => slope !== 0),
          params[i]![0],
        ).toBe(true);
        for (const [at, slope] of values.entries()) expect(again[i]![at]).toBeCloseTo(slope, 5);
      }
      model.dispose();
    });
  });

  test("decoding with a cache is refused", async () => {
    const model = await ExpertChoiceForCausalLM.fromPretrained(fixture("models/mixtral/basic"));
    await withoutLeak(() => {
      const cache = model.createCache();
      expect(() => model.forward({ inputIds: [[1, 2, 3]], cache })).toThrow(
        "ExpertChoiceRouter: expected whole sequences, got tokens with a cache",
      );
      cache.dispose();
    });
    model.dispose();
  });
});
