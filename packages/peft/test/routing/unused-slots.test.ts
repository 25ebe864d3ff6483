/** Adapters on models whose tokens go to different numbers of experts. */

import { TopPRouter } from "@mixtape/layers";
import { type MixtralConfig, MixtralDecoderLayer, MixtralForCausalLM, mixtral } from "@mixtape/mixtral";
import { valueAndGradientsOf } from "@mixtape/ops";
import { fixture, onEachEngine, testEngines, withoutCpu, withoutLeak } from "@mixtape/testing";
import { dispose, type Tensor } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { type AdapterConfigInput, adapterLosses, adaptersOf, applyAdapter } from "../../src/index.js";
import { fillWithNoise } from "../support/noise.js";

class TopPLayer extends MixtralDecoderLayer {
  override buildRouter(config: MixtralConfig): TopPRouter {
    return new TopPRouter({ ...config, numExpertsPerTok: 4, topP: 0.4 });
  }
}
class TopPForCausalLM extends MixtralForCausalLM {
  static override readonly family = mixtral.extend({ layer: TopPLayer });
}

const targetModules = ["q_proj", "experts.gate_proj", "experts.down_proj"];
const KINDS: Record<string, AdapterConfigInput> = {
  lora: { method: "lora", r: 2, targetModules },
  dora: { method: "lora", r: 2, useDora: true, targetModules },
  mola: { method: "mola", r: 2, numExperts: 3, topK: 2, targetModules: ["down_proj"], routerLoss: true },
  mixlora: { method: "mixlora", r: 2, numExperts: 3, topK: 2, targetModules: ["up_proj"] },
};
const sumOf = (counts: Tensor): number => [...counts.dataSync()].reduce((sum, count) => sum + count, 0);
const inputIds = [0, 1].map((row) => Array.from({ length: 9 }, (_, i) => (i * i * 5 + row * 23) % 97));

onEachEngine(() => {
  test.each(Object.keys(KINDS))(
    "%s: what a token does not use is not adapted, and gradients are finite",
    async (name) => {
      await withoutLeak(async () => {
        const model = await TopPForCausalLM.fromPretrained(fixture("models/mixtral/basic"));
        const output = model.forward({ inputIds, outputRoutings: true });
        const used = output.routings!.flatMap(({ indices }) =>
          indices.arraySync().map((row) => row.filter((e) => e >= 0)),
        );
        expect(new Set(used.map((row) => row.length)).size).toBeGreaterThan(1);

        const adapter = await applyAdapter(model, KINDS[name]!, { name });
        // B is zero at first: the adapter changes nothing yet.
        const untouched = adaptersOf(model).with(name, () => model.forward({ inputIds, outputRouterLogits: false }));
        const [before, after] = await Promise.all([output.logits.data(), untouched.logits.data()]);
        for (const [i, value] of before.entries()) expect(after[i]).toBeCloseTo(value, 4);
        dispose([output, untouched]);

        fillWithNoise(adapter, 3);
        const params = adapter.trainableParams();
        const batches = [{ adapter: name, inputIds, labels: inputIds }];
        const counted = adapterLosses(model, batches, { outputExpertCounts: true });
        const counts = counted.losses[0]!.expertCounts!;
        for (const router of Object.keys(counts).filter((one) => one.startsWith("mola: "))) {
          // Each of the routed experts that a token uses has a router of its own, which chooses two.
          const block = router.slice("mola: ".length).replace(/experts.*/, "router");
          expect(sumOf(counts[router]!), router).toBe(2 * sumOf(counts[block]!));
        }
        dispose([counted.loss, counted.losses as never]);

        const { value, gradients } = valueAndGradientsOf(
          () => adapterLosses(model, batches).loss,
          params.flatMap(([, { weight }]) => [...weight.parts]),
        );
        for (const gradient of gradients)
          expect([...(await gradient!.data())].every((slope) => Number.isFinite(slope))).toBe(true);
        expect(Number.isFinite((await value.data())[0])).toBe(true);
        dispose([value, ...gradients.map((gradient) => gradient!)]);
        model.dispose();
      });
    },
  );
}, withoutCpu(testEngines()));
