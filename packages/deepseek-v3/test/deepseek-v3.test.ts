import { readFileSync } from "node:fs";
import { conformance, expectAllClose, fixture, onEachEngine } from "@mixtape/testing";
import { slice, tidy } from "@tensorflow/tfjs-core";
import { expect, test, vi } from "vitest";
import { DeepseekV3ForCausalLM, deepseekV3Config } from "../src/index.js";

conformance(DeepseekV3ForCausalLM, { goldens: "deepseek-v3", atLeast: 14 });

/** The released config, its attention as wide as it is and all else small. */
function releasedWidths() {
  const json = JSON.parse(readFileSync(fixture("configs/DeepSeek-V3.json"), "utf8")) as object;
  return deepseekV3Config.with(deepseekV3Config.parse(json), {
    vocabSize: 20,
    hiddenSize: 8,
    intermediateSize: 6,
    moeIntermediateSize: 4,
    numHiddenLayers: 2,
    firstKDenseReplace: 1,
    numAttentionHeads: 2,
    numKeyValueHeads: 2,
    qLoraRank: 4,
    numExperts: 16,
  });
}

onEachEngine((engine) => {
  test("with the released widths the cache keeps 576 numbers a token and layer", async () => {
    const model = new DeepseekV3ForCausalLM(releasedWidths());
    await model.initialize({ seed: 1 });
    const cache = model.createCache();
    for (const inputIds of [[[1, 2, 3]], [[4]]]) tidy(() => void model.forward({ inputIds, cache }));
    expect(cache.length).toBe(4);
    for (const layer of cache.layers) {
      const { tensors } = layer.exportState();
      const numbers = Object.values(tensors).reduce((sum, { size }) => sum + size, 0);
      for (const tensor of Object.values(tensors)) tensor.dispose();
      expect(numbers).toBe(4 * 576);
    }
    cache.dispose();
    model.dispose();
  });

  test.runIf(engine === "native").each(["basic", "bfloat16"])("decode steps of %s are recorded", async (name) => {
    const model = await DeepseekV3ForCausalLM.fromPretrained(fixture(`models/deepseek-v3/${name}`));
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
  });

  test("the cached and the uncached way see the same probabilities", async () => {
    const model = await DeepseekV3ForCausalLM.fromPretrained(fixture("models/deepseek-v3/basic"));
    const cache = model.createCache();
    const ids = [7, 3, 19, 2, 11];
    const whole = tidy(() => model.forward({ inputIds: [ids], outputAttentions: true }).attentions!);
    tidy(() => void model.forward({ inputIds: [ids.slice(0, 3)], cache }));
    const rest = tidy(() => model.forward({ inputIds: [ids.slice(3)], cache, outputAttentions: true }).attentions!);
    for (const [i, probabilities] of rest.entries()) {
      const expected = tidy(() => slice(whole[i]!, [0, 0, 3, 0], [-1, -1, 2, -1]));
      const values = (await expected.data()) as Float32Array;
      await expectAllClose(probabilities, { shape: expected.shape, values }, { atol: 1e-5 });
      expected.dispose();
    }
    for (const tensor of [...whole, ...rest]) tensor.dispose();
    cache.dispose();
    model.dispose();
  });
});
