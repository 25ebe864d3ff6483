import { AfmoeForCausalLM } from "@mixtape/afmoe";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { fixture, onEachEngine, testEngines, withoutCpu, withoutLeak } from "@mixtape/testing";
import { expect, test } from "vitest";
import { CausalLMTask, type TrainingStep, train, unfreeze } from "../src/index.js";

onEachEngine(() => {
  test("biases move towards an even load, which comes nearer; they sum to what they summed to", async () => {
    const inputIds = [0, 1, 2, 3].map((row) => Array.from({ length: 16 }, (_, i) => (i * i * 5 + row * 23) % 97));
    const data = { batch: () => ({ inputIds, labels: inputIds }) };
    const run = async (expertBiasRate: number) => {
      const model = await AfmoeForCausalLM.fromPretrained(fixture("models/afmoe/basic"));
      unfreeze(model, (name) => name.endsWith("norm.weight"));
      const biases = () =>
        [...model.namedParameters()]
          .filter(([name]) => name.endsWith("expert_bias"))
          .map(([, param]) => [...param.vector.dataSync()]);
      const before = biases();
      const steps: TrainingStep[] = [];
      const task = new CausalLMTask(model, { expertBiasRate });
      // Nothing else moves.
      for await (const step of train(task, data, { maxSteps: 12, optimizer: { learningRate: 0 } })) steps.push(step);
      const after = biases();
      model.dispose();
      return { steps, before, after };
    };
    await withoutLeak(async () => {
      const balanced = await run(0.02);
      const left = await run(0);
      expect(left.after).toEqual(left.before);
      const unevenness = ({ expertLoads }: TrainingStep): number =>
        Math.max(
          ...expertLoads.map(({ counts }) => Math.max(...counts) / (counts.reduce((a, b) => a + b) / counts.length)),
        );
      expect(unevenness(left.steps.at(-1)!)).toBe(unevenness(left.steps[0]!));
      expect(unevenness(balanced.steps.at(-1)!)).toBeLessThan(unevenness(balanced.steps[0]!));
      for (const [layer, { router, counts }] of balanced.steps[0]!.expertLoads.entries()) {
        expect(router).toMatch(/^model\.layers\.\d\.mlp\.router$/);
        expect(counts.reduce((a, b) => a + b)).toBe(64 * 2);
        const sumOf = (biases: number[][]): number => biases[layer]!.reduce((a, b) => a + b, 0);
        expect(sumOf(balanced.after)).toBeCloseTo(sumOf(balanced.before), 5);
      }
    });
  });
}, withoutCpu(testEngines()));

test("a rate is refused where no router has a bias", async () => {
  const model = await MixtralForCausalLM.fromPretrained(fixture("models/mixtral/basic"));
  expect(() => new CausalLMTask(model, { expertBiasRate: 0.1 })).toThrow(
    "expertBiasRate: expected 0 for a model whose routers have no bias, got 0.1",
  );
  expect(() => new CausalLMTask(model, { auxLossCoef: -1 })).toThrow("auxLossCoef: expected at least 0, got -1");
  model.dispose();
});
