import { fileURLToPath } from "node:url";
import { summarize } from "@mixtape/decoder";
import { type ForCausalLM, loadModel } from "@mixtape/mixtape";
import { fixture, onEachEngine } from "@mixtape/testing";
import { memory } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DecodeStep, decodeOne, prefill, type StepKernel, watchDecodeStep } from "../src/mixtape/decode-step.js";
import { kernelBound } from "../src/report/step.js";
import { promptOf } from "../src/tasks.js";

const MODELS = {
  "the sample model": fileURLToPath(new URL("../../models/sample-afmoe", import.meta.url)),
  Mixtral: fixture("models/mixtral/basic"),
  "Qwen3-MoE": fixture("models/qwen3-moe/basic"),
  "AFMoE with a window": fixture("models/afmoe/window"),
};

/** Contexts: nearly empty, and longer than a window that slides. */
const contextsOf = ({ config }: ForCausalLM): number[] => [1, (config.slidingWindow ?? 8) + 8];

const namesOf = (kernels: readonly StepKernel[]): string => kernels.map(({ name }) => name).join(" ");

onEachEngine((engine) => {
  describe.each(Object.entries(MODELS))("a decode step of %s", (_, folder) => {
    let model: ForCausalLM;
    const steps: DecodeStep[] = [];
    beforeAll(async () => {
      model = await loadModel(folder, { engine });
      for (const promptTokens of contextsOf(model)) {
        const cache = model.createCache();
        prefill(model, cache, promptOf({ promptTokens }, model.config.vocabSize));
        steps.push(await watchDecodeStep(model, cache, 1));
        cache.dispose();
      }
    });
    afterAll(() => model.dispose());

    /** Before the layers run, a window lets go of the keys and the values that slid out of it. */
    const slides = (layer: number): number => (model.config.layerTypes[layer] === "sliding_attention" ? 2 : 0);

    test("runs at most 30 + 8·k kernels in a MoE layer, attention, norms and cache included", () => {
      const bound = kernelBound(summarize(model).experts.perToken);
      for (const { layers } of steps)
        for (const [i, { moe, kernels }] of layers.entries())
          if (moe) expect(kernels.length + slides(i), namesOf(kernels)).toBeLessThanOrEqual(bound);
    });

    test("reads at most one tensor back in a layer, and the logits", () => {
      for (const { layers, readBacks } of steps) {
        const perLayer = layers.map((layer) => layer.readBacks);
        // A fused experts kernel reads the indices itself.
        expect(Math.max(...perLayer)).toBe(engine === "native" ? 0 : 1);
        expect(readBacks).toBe(perLayer.reduce((a, b) => a + b) + 1);
      }
    });

    test("sees every kernel and layer of it", () => {
      for (const { kernels, layers } of steps) {
        expect(layers).toHaveLength(model.config.numHiddenLayers);
        expect(layers.map(({ moe }) => moe !== null)).toEqual(
          model.config.mlpLayerTypes.map((type) => type === "sparse"),
        );
        const inLayers = layers.reduce((sum, layer) => sum + layer.kernels.length, 0);
        const inWindows = layers.reduce((sum, _, i) => sum + slides(i), 0);
        // Outside there are the embedding, its scale, the last norm and the head, with the reshapes between them.
        expect(kernels.length - inLayers).toBeGreaterThanOrEqual(3);
        expect(kernels.length - inLayers).toBeLessThanOrEqual(8 + inWindows);
        for (const { moe, kernels: all } of layers) if (moe) expect(all.length).toBeGreaterThan(moe.kernels.length);
      }
    });

    test("leaves the model as it was", async () => {
      const cache = model.createCache();
      const { numTensors } = memory();
      prefill(model, cache, [1]);
      await watchDecodeStep(model, cache, 1);
      await decodeOne(model, cache, 1);
      cache.dispose();
      expect(memory().numTensors).toBe(numTensors);
      expect(Object.hasOwn(model.model.layers[0]!, "forward")).toBe(false);
    });
  });
});
