import { activeParameters, summarize } from "@mixtape/decoder";
import { onEachEngine, withoutLeak } from "@mixtape/testing";
import { dispose } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { TopPMixtralForCausalLM } from "../src/top-p-mixtral.js";
import { topPMixtral } from "./small.js";

onEachEngine(() => {
  test("tokens use as many experts as they need, and active parameters are counted so", async () => {
    await withoutLeak(async () => {
      const model = new TopPMixtralForCausalLM(topPMixtral);
      await model.initialize({ seed: 3, std: 0.5 });
      const inputIds = [
        Array.from({ length: 24 }, (_, i) => (i * i * 7) % 97),
        Array.from({ length: 24 }, (_, i) => i),
      ];
      const attentionMask = inputIds.map((row, b) => row.map((_, i) => (b === 1 && i >= 10 ? 0 : 1)));
      const output = model.forward({ inputIds, attentionMask, outputRoutings: true });
      const used = output.routings!.map(({ indices }) =>
        indices
          .arraySync()
          .flatMap((row, t) => (attentionMask.flat()[t] === 0 ? [] : [row.filter((expert) => expert >= 0).length])),
      );
      expect(new Set(used.flat()).size).toBeGreaterThan(1);
      const { total, active } = summarize(model).parameters;
      const { numExperts, numExpertsPerTok, numHiddenLayers } = topPMixtral;
      const routed = ((total - active) * numExperts) / (numExperts - numExpertsPerTok);
      const mean = (row: number[]) => row.reduce((sum, count) => sum + count, 0) / row.length;
      const idle = used.map((row) => (routed / numHiddenLayers) * (1 - mean(row) / numExperts));
      expect(await activeParameters(model, output.routings!)).toBeCloseTo(total - idle.reduce((a, b) => a + b), 3);
      dispose(output);
      model.dispose();
    });
  });
});
