import { banExperts, type RoutingObserver, RoutingRecorder, replayRouting } from "@mixtape/layers";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { fixture, onEachEngine, withoutLeak } from "@mixtape/testing";
import { dispose } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { CausalLMTask, lossAndGradients, unfreeze } from "../src/index.js";

const inputIds = [
  [5, 11, 2, 7, 3, 0],
  [1, 90, 33, 8, 4, 4],
];
const attentionMask = [
  [1, 1, 1, 1, 0, 0],
  [1, 1, 1, 1, 1, 1],
];
const labels = inputIds.map((row, b) => row.map((id, i) => (attentionMask[b]![i] === 0 ? -100 : id)));
const batch = { inputIds, attentionMask, labels };

onEachEngine(() => {
  test("a batch is trained with the routing that was recorded, also where layers run again", async () => {
    await withoutLeak(async () => {
      const model = await MixtralForCausalLM.fromPretrained(fixture("models/mixtral/basic"));
      const params = unfreeze(model, (name) => /gate|norm|q_proj/.test(name));
      // What a router with one expert less selects: not what the model itself would.
      const recorder = new RoutingRecorder();
      const ban = banExperts([1]);
      const observer: RoutingObserver = { constrain: ban.constrain!, observe: (routing) => recorder.observe(routing) };
      const { logits } = model.forward({ inputIds, attentionMask, routing: observer });
      const traces = await recorder.read(model.config.numHiddenLayers);
      recorder.dispose();
      expect(traces.map(({ tokens }) => tokens)).toEqual([4, 6]);
      expect(traces.some(({ indices }) => indices.includes(1))).toBe(false);

      const run = async (routing: () => RoutingObserver | undefined, gradientCheckpointing: boolean) => {
        const task = new CausalLMTask(model, { auxLossCoef: 0.1, gradientCheckpointing, routing });
        const { loss, gradients } = lossAndGradients(() => task.loss(batch, { numItems: 10, batches: 1 }).loss, params);
        const values = [...(await loss.data())];
        for (const [name] of params) values.push(...(await gradients.get(name)[0]!.data()));
        gradients.dispose();
        loss.dispose();
        return values;
      };
      const replayed = await run(() => replayRouting(traces), false);
      const again = await run(() => replayRouting(traces), true);
      const banned = await run(() => ban, true);
      const free = await run(() => undefined, false);
      expect(Math.abs(replayed[0]! - free[0]!)).toBeGreaterThan(1e-4);
      for (const [i, value] of replayed.entries()) {
        expect(again[i]).toBeCloseTo(value, 5);
        expect(banned[i]).toBeCloseTo(value, 5);
      }
      dispose(logits);
      model.dispose();
    });
  });
});
