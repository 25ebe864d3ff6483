/** Adapters on latent attention: what stands around `kv_b_proj` rules out the absorbed way, and cached steps stay right. */

import { DeepseekV3ForCausalLM } from "@mixtape/deepseek-v3";
import { expectAllClose, fixture, onEachEngine } from "@mixtape/testing";
import { slice, tidy } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { adaptersOf, applyAdapter } from "../../src/index.js";
import { fillWithNoise } from "../support/noise.js";

const IDS = [7, 3, 19, 2, 11, 5, 40, 23];

onEachEngine(() => {
  test.each([["kv_b_proj"], ["q_b_proj"], ["kv_a_proj_with_mqa"], ["all-linear"]])(
    "with LoRA on %s, cached steps give the logits of the whole, merged too",
    async (target) => {
      const model = await DeepseekV3ForCausalLM.fromPretrained(fixture("models/deepseek-v3/basic"));
      const without = tidy(() => model.forward({ inputIds: [IDS] }).logits);
      const targetModules = target === "all-linear" ? target : [target];
      const adapter = await applyAdapter(model, { method: "lora", r: 2, targetModules });
      fillWithNoise(adapter, 1, 0.3);
      const whole = tidy(() => model.forward({ inputIds: [IDS] }).logits);
      const [a, b] = [await without.data(), await whole.data()];
      expect(a.some((value, i) => Math.abs(value - b[i]!) > 1e-2)).toBe(true);
      const expectSteps = async (): Promise<void> => {
        const cache = model.createCache();
        tidy(() => void model.forward({ inputIds: [IDS.slice(0, 3)], cache }));
        for (let at = 3; at < IDS.length; at++) {
          const { logits } = model.forward({ inputIds: [[IDS[at]!]], cache, captureGraph: true });
          const expected = tidy(() => slice(whole, [0, at, 0], [1, 1, -1]));
          await expectAllClose(logits, expected, { atol: 1e-4 }, `token ${at}`);
          logits.dispose();
          expected.dispose();
        }
        cache.dispose();
      };
      await expectSteps();
      await adaptersOf(model).merge("default");
      await expectSteps();
      without.dispose();
      whole.dispose();
      model.dispose();
    },
  );
});
