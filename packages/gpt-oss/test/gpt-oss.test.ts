import { conformance, fixture, onEachEngine } from "@mixtape/testing";
import { tidy } from "@tensorflow/tfjs-core";
import { expect, test, vi } from "vitest";
import { GptOssForCausalLM } from "../src/index.js";

conformance(GptOssForCausalLM, { goldens: "gpt-oss", atLeast: 8 });

onEachEngine((engine) => {
  test.runIf(engine === "native").each(["basic", "bfloat16", "window"])(
    "decode steps of %s are recorded",
    async (name) => {
      const model = await GptOssForCausalLM.fromPretrained(fixture(`models/gpt-oss/${name}`));
      const cache = model.createCache();
      const step = (inputIds: number[][]): void =>
        tidy(() => void model.forward({ inputIds, cache, captureGraph: true }));
      step([[1, 2, 3]]);
      const run = vi.spyOn(model.model.layers[1]!, "forward");
      for (let token = 0; token < 8; token++) step([[token]]);
      // Twice to record and compare; a weight that is decoded, or numbers that JavaScript sees, would keep it from being repeated.
      expect(run).toHaveBeenCalledTimes(2);
      run.mockRestore();
      cache.dispose();
      model.dispose();
    },
  );
});
