/** Gradient checkpointing of a deep model: what it costs in memory, and that it changes nothing. */

import { MixtralForCausalLM, mixtralConfig } from "@mixtape/mixtral";
import { Rng, withRng } from "@mixtape/ops";
import { onEachEngine, testEngines, withoutCpu } from "@mixtape/testing";
import { engine, memory } from "@tensorflow/tfjs-core";
import { expect, test, vi } from "vitest";
import { CausalLMTask, lossAndGradients, unfreeze } from "../src/index.js";

const LAYERS = 12;

onEachEngine(() => {
  test("it changes no gradient by more than 1e-6, and halves the peak of a model of twelve layers", async () => {
    const model = new MixtralForCausalLM(
      mixtralConfig.create({
        vocabSize: 32,
        hiddenSize: 16,
        intermediateSize: 24,
        numHiddenLayers: LAYERS,
        numAttentionHeads: 4,
        numKeyValueHeads: 2,
        numExperts: 4,
        numExpertsPerTok: 2,
        routerJitterNoise: 0.05,
      }),
    );
    await model.initialize({ seed: 1, std: 0.2 });
    unfreeze(model);
    const inputIds = [0, 1, 2].map((row) => Array.from({ length: 32 }, (_, i) => (i * i + 7 * row) % 32));
    const run = async (gradientCheckpointing: boolean) => {
      const task = new CausalLMTask(model, { gradientCheckpointing, auxLossCoef: 0.1 });
      const batch = { inputIds, labels: inputIds };
      const peak = peakBytes();
      const { loss, gradients } = withRng(new Rng(1), () =>
        lossAndGradients(() => task.loss(batch, { numItems: task.labels(batch), batches: 1 }).loss, task.params),
      );
      const bytes = peak.stop();
      const values = new Map<string, Float32Array[]>();
      for (const name of gradients.names)
        values.set(
          name,
          await Promise.all(gradients.get(name).map(async (part) => (await part?.data()) as Float32Array)),
        );
      loss.dispose();
      gradients.dispose();
      return { bytes, values };
    };
    const before = memory().numTensors;
    const plain = await run(false);
    const checkpointed = await run(true);
    expect(memory().numTensors).toBe(before);
    for (const [name, parts] of plain.values)
      for (const [i, part] of parts.entries()) {
        const again = checkpointed.values.get(name)![i];
        expect(again?.length, name).toBe(part?.length);
        for (const [at, value] of (part ?? []).entries())
          if (!(Math.abs(again![at]! - value) <= 1e-6)) expect.fail(`${name}: expected ${value}, got ${again![at]}`);
      }
    // What both need besides: weights, which were there before, and gradients by them.
    expect(checkpointed.bytes).toBeLessThan(plain.bytes / 2);
    model.dispose();
  });
}, withoutCpu(testEngines()));

/** Follows how many bytes of tensors there are beyond those at the start. */
function peakBytes(): { stop(): number } {
  const start = memory().numBytes;
  let most = 0;
  const track = engine().trackTensor.bind(engine());
  const spy = vi.spyOn(engine(), "trackTensor").mockImplementation((tensor, backend) => {
    track(tensor, backend);
    most = Math.max(most, memory().numBytes - start);
  });
  return {
    stop() {
      spy.mockRestore();
      return most;
    },
  };
}
