/** Adapters of all kinds in one batch do what each does alone. */

import type { ForCausalLM } from "@mixtape/decoder";
import type { Param } from "@mixtape/layers";
import { Rng, withRng } from "@mixtape/ops";
import { expectAllClose, longTestEngines, onEachEngine, withoutLeak } from "@mixtape/testing";
import { dispose, slice, type Tensor } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AdapterConfigInput, adapterLosses, adaptersOf, applyAdapter } from "../../src/index.js";
import { loadGoldenModel } from "../support/golden-adapters.js";
import { lossAndGradients } from "../support/gradients.js";
import { fillWithNoise } from "../support/noise.js";

const ALL = ["q_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
const KINDS: Record<string, AdapterConfigInput> = {
  lora: { method: "lora", r: 2, targetModules: [...ALL, "router.gate"] },
  dora: { method: "dora", r: 3, targetModules: ALL },
  fused: { method: "rslora", r: 2, targetModules: ["v_proj", "gate_up_proj"] },
  loramoe: { method: "loramoe", r: 2, numExperts: 3, targetModules: ALL },
  mola: { method: "mola", r: 2, numExperts: 3, topK: 2, routerLoss: true, targetModules: ALL },
  mixlora: { method: "mixlora", r: 2, numExperts: 3, topK: 2, targetModules: ALL },
  dynamic: { method: "mixlora-dynamic", r: 2, numExperts: 4, topP: 0.6, targetModules: ALL },
  switch: { method: "mixlora-switch", r: 2, numExperts: 3, expertCapacity: 3, targetModules: ALL },
};
const NAMES = Object.keys(KINDS);
const LENGTH = 5;

const row = (seed: number): number[] =>
  Array.from({ length: LENGTH }, (_, i) => (i * i * 5 + i * 11 + seed * 17 + 3) % 97);
/** Two rows of each, some of them padded. */
const batchOf = (adapter: string) => {
  const seed = NAMES.indexOf(adapter);
  const inputIds = [row(2 * seed), row(2 * seed + 1)];
  const pad = seed % 3;
  const attentionMask = [row(0).map(() => 1), row(0).map((_, i) => (i < LENGTH - pad ? 1 : 0))];
  const labels = inputIds.map((ids, r) => ids.map((id, i) => (attentionMask[r]![i] ? id : -100)));
  return { adapter, inputIds, labels, attentionMask };
};

/** To 1e-5 of the largest of them, where that is above 1: what is summed in another order cannot be closer. */
async function expectSame(actual: Tensor | Float32Array, expected: Tensor | Float32Array, what: string): Promise<void> {
  const values = expected instanceof Float32Array ? expected : ((await expected.data()) as Float32Array);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  await expectAllClose(actual, expected, { atol: 1e-5 * largest }, what);
}

onEachEngine((engine) => {
  // TensorFlow.js's own backend takes seconds for a way back.
  const isSlow = engine === "cpu";
  describe.each(isSlow ? ["afmoe/basic"] : ["mixtral/basic", "afmoe/basic"])("%s", (name) => {
    let model: ForCausalLM;

    beforeAll(async () => {
      ({ model } = await loadGoldenModel(name));
      for (const [i, kind] of NAMES.entries()) {
        // The shared experts of AFMoE are no routed ones, and have no gate_up_proj.
        const adapter = await applyAdapter(model, { ...KINDS[kind]!, loraDropout: 0.3 } as AdapterConfigInput, {
          name: kind,
          seed: i,
        });
        fillWithNoise(adapter, i);
      }
    });
    afterAll(() => {
      for (const kind of NAMES) adaptersOf(model).delete(kind);
      model.dispose();
    });

    test("logits, one row without an adapter among them, in any order", async () => {
      const adapters = adaptersOf(model);
      const selection = ["mixlora", null, ...NAMES, "lora", "switch", null];
      const inputIds = selection.map((_, i) => row(i));
      await withoutLeak(async () => {
        const { logits } = adapters.with(selection, () => model.forward({ inputIds }));
        for (const [i, adapter] of selection.entries()) {
          const alone = adapters.with(adapter, () => model.forward({ inputIds: [inputIds[i]!] }));
          const own = slice(logits, [i, 0, 0], [1, -1, -1]) as Tensor;
          await expectSame(own, alone.logits, `row ${i}: ${adapter}`);
          dispose([alone.logits, own]);
        }
        logits.dispose();
      });
    });

    test.each([[", with dropout and jitter", 5], ...(isSlow ? [] : [["", undefined] as const])] as const)(
      "losses and gradients%s",
      async (_, seed) => {
        const adapters = adaptersOf(model);
        const inTraining = <T>(f: () => T): T => (seed === undefined ? f() : withRng(new Rng(seed), f));
        const paramsOf = (kind: string): Param[] =>
          adapters
            .get(kind)
            .trainableParams()
            .map(([, param]) => param);
        await withoutLeak(async () => {
          const params = NAMES.flatMap(paramsOf);
          const together = await lossAndGradients(
            () => inTraining(() => adapterLosses(model, NAMES.map(batchOf)).loss),
            params,
          );
          let sum = 0;
          let next = 0;
          for (const kind of NAMES) {
            const alone = await lossAndGradients(
              () => inTraining(() => adapterLosses(model, [batchOf(kind)]).loss),
              paramsOf(kind),
            );
            sum += alone.loss;
            for (const [i, [param]] of adapters.get(kind).trainableParams().entries())
              await expectSame(together.gradients[next++]!, alone.gradients[i]!, param);
          }
          expect(next).toBe(params.length);
          expect(Math.abs(together.loss - sum)).toBeLessThan(1e-5 * NAMES.length);
        });
      },
    );

    test("a batch of generated tokens grows by one, row by row with its adapter", async () => {
      const adapters = adaptersOf(model);
      const selection = ["mixlora", null, "dora", "mola"];
      const inputIds = selection.map((_, i) => row(i));
      adapters.setAdapter(selection);
      const cache = model.createCache();
      const prefix = model.forward({ inputIds: inputIds.map((ids) => ids.slice(0, -1)), cache });
      const last = model.forward({ inputIds: inputIds.map((ids) => ids.slice(-1)), cache });
      const whole = model.forward({ inputIds });
      const expected = slice(whole.logits, [0, LENGTH - 1, 0], [-1, 1, -1]) as Tensor;
      await expectAllClose(last.logits, expected, { atol: 1e-4 }, "the last token");
      dispose([prefix.logits, last.logits, whole.logits, expected]);
      cache.dispose();
      adapters.setAdapter(null);
    });
  });
}, longTestEngines());
