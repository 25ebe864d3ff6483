/** Runs from start to end. */

import { MixtralForCausalLM } from "@mixtape/mixtral";
import { fixture, onEachEngine, readGolden, withoutLeak } from "@mixtape/testing";
import { expect, test } from "vitest";
import { type TrainingStep, train, unfreeze } from "../src/index.js";

const FOLDER = fixture("models/mixtral/basic");

onEachEngine(() => {
  test("a tiny model learns a batch, and leaves nothing behind", async () => {
    const { inputs } = await readGolden(FOLDER);
    const data = { batch: () => inputs };
    await withoutLeak(async () => {
      const model = await MixtralForCausalLM.fromPretrained(FOLDER);
      unfreeze(model);
      const steps: TrainingStep[] = [];
      for await (const step of train(model, data, { maxSteps: 10, optimizer: { learningRate: 0.01 } }))
        steps.push(step);
      expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(steps[9]!.loss).toBeLessThan(steps[0]!.loss / 2);
      model.dispose();
    });
  });
});
