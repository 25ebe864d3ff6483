import { longTestEngines, onEachEngine, withoutCpu, withoutLeak } from "@mixtape/testing";
import { memory } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { train } from "../src/index.js";
import { smallModel } from "./support/small-model.js";

onEachEngine(() => {
  test("five hundred steps leave as many tensors as one, and give way to timers meanwhile", async () => {
    const model = await smallModel();
    const counts = new Set<number>();
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await withoutLeak(async () => {
      const data = { batch: () => ({ inputIds: [[1, 2, 3]], labels: [[1, 2, 3]] }) };
      const options = { maxSteps: 500, optimizer: { learningRate: 0.01 } };
      for await (const _ of train(model, data, options)) counts.add(memory().numTensors);
    });
    clearInterval(timer);
    expect(counts.size).toBe(1);
    expect(turns).toBeGreaterThan(20);
    model.dispose();
  });
}, withoutCpu(longTestEngines()));
