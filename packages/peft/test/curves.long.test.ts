/** Fifty steps of AdamW give the losses that Hugging Face peft and torch give. */

import { expectAllClose, longTestEngines, onEachEngine, withoutCpu, withoutLeak } from "@mixtape/testing";
import { describe, expect, test } from "vitest";
import { adapterLosses, adaptersOf, loadAdapter } from "../src/index.js";
import { AdamW } from "./support/adamw.js";
import { goldenAdapters, loadGoldenModel } from "./support/golden-adapters.js";

const TRAINED = goldenAdapters.filter(({ about }) => about.losses);

test("LoRA and DoRA are among them", () => {
  expect(TRAINED.map(({ name }) => name)).toEqual(["mixtral/dora-attention", "qwen3-moe/lora-experts"]);
});

onEachEngine(() => {
  describe.each(TRAINED)("$name", ({ folder, about }) => {
    test("the losses of 50 steps", async () => {
      const { model } = await loadGoldenModel(about.model);
      const adapter = await loadAdapter(model, folder);
      adapter.unfreeze();
      const optimizer = new AdamW(
        adapter.trainableParams().map(([, param]) => param),
        about.adamw!,
      );
      const losses = await withoutLeak(async () => {
        const seen: number[] = [];
        for (let step = 0; step < about.losses!.length; step++) {
          const inputIds = about.batches![step % about.batches!.length]!;
          const batch = { adapter: "default", inputIds, labels: inputIds };
          seen.push(await optimizer.step(() => adapterLosses(model, [batch]).loss));
        }
        return seen;
      });
      await expectAllClose(Float32Array.from(losses), Float32Array.from(about.losses!), { atol: 1e-3 }, "losses");
      optimizer.dispose();
      adaptersOf(model).delete("default");
      model.dispose();
    });
  });
}, withoutCpu(longTestEngines()));
