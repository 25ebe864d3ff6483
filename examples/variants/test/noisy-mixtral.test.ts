import { Rng, withRng } from "@mixtape/ops";
import { onEachEngine, withoutLeak } from "@mixtape/testing";
import { dispose } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { NoisyMixtralForCausalLM } from "../src/noisy-mixtral.js";
import { noisyMixtral } from "./small.js";

onEachEngine(() => {
  test("the router's logits are noisy in training alone, and a seed decides the noise", async () => {
    await withoutLeak(async () => {
      const model = new NoisyMixtralForCausalLM(noisyMixtral);
      await model.initialize({ seed: 3, std: 0.3 });
      const logitsOf = async (seed?: number): Promise<number[]> => {
        const output = withRng(seed === undefined ? undefined : new Rng(seed), () =>
          model.forward({ inputIds: [[5, 6, 7, 8]], outputRouterLogits: true }),
        );
        const values = [...(await output.routerLogits![0]!.data())];
        dispose(output);
        return values;
      };
      const free = await logitsOf();
      expect(await logitsOf()).toEqual(free);
      const noisy = await logitsOf(1);
      expect(await logitsOf(1)).toEqual(noisy);
      expect(await logitsOf(2)).not.toEqual(noisy);
      const noise = noisy.map((value, i) => value - free[i]!);
      const spread = Math.sqrt(noise.reduce((sum, x) => sum + x * x, 0) / noise.length);
      expect(spread).toBeGreaterThan(0.4);
      expect(spread).toBeLessThan(2);
      model.dispose();
    });
  });
});
