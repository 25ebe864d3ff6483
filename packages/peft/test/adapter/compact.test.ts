/** A base in bfloat16, which the native engine keeps compact, with adapters in float32. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ForCausalLM } from "@mixtape/decoder";
import { useEngine } from "@mixtape/engine";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { Rng, withRng } from "@mixtape/ops";
import { expectAllClose, onEachEngine, withoutLeak } from "@mixtape/testing";
import { dispose } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { adapterLosses, adaptersOf, applyAdapter } from "../../src/index.js";
import { loadGoldenModel } from "../support/golden-adapters.js";
import { lossAndGradients } from "../support/gradients.js";
import { fillWithNoise } from "../support/noise.js";

const IDS = [[3, 14, 15, 92, 65, 35]];
const TARGETS = ["q_proj", "router.gate", "gate_up_proj", "experts.down_proj"];

onEachEngine((engine) => {
  let model: ForCausalLM;
  beforeAll(async () => {
    // Where activations are rounded to bfloat16, a model in bfloat16 is not the same in float32.
    await useEngine(engine, engine === "native" ? { precision: "float32" } : {});
    ({ model } = await loadGoldenModel("mixtral/bfloat16"));
  });
  afterAll(async () => {
    model.dispose();
    if (engine === "native") await useEngine(engine, { precision: "bfloat16" });
  });

  test("its weights stay as they are, and the adapter has the losses and gradients that it has on the same weights in float32", async () => {
    const folder = mkdtempSync(join(tmpdir(), "wide-"));
    await model.savePretrained(folder, { dtype: "F32" });
    const wide: ForCausalLM = await MixtralForCausalLM.fromPretrained(folder);
    const [compact, plain] = [await resultsOf(model), await resultsOf(wide)];
    expect(compact.loss).toBeCloseTo(plain.loss, 5);
    for (const [i, gradient] of plain.gradients.entries())
      await expectAllClose(compact.gradients[i]!, gradient, { atol: 2e-5, rtol: 1e-4 });
    expect([...model.namedParameters()].some(([, { dtype }]) => dtype === "BF16")).toBe(true);
    wide.dispose();
    rmSync(folder, { recursive: true });
  });

  test("merged, the sums are rounded to bfloat16", async () => {
    const adapter = await applyAdapter(model, { method: "dora", r: 2, targetModules: TARGETS });
    fillWithNoise(adapter, 3, 0.05);
    const beside = model.forward({ inputIds: IDS });
    await adaptersOf(model).merge("default");
    const merged = model.forward({ inputIds: IDS });
    await expectAllClose(merged.logits, beside.logits, { atol: 0.3 }, "merged");
    adaptersOf(model).unmerge();
    const again = model.forward({ inputIds: IDS });
    await expectAllClose(again.logits, beside.logits, { atol: 1e-6 }, "unmerged");
    dispose([beside.logits, merged.logits, again.logits]);
    adaptersOf(model).delete("default");
  });
});

/** The loss of an adapter with dropout and its gradients; the same values on any model of that shape. */
async function resultsOf(model: ForCausalLM): Promise<{ loss: number; gradients: Float32Array[] }> {
  const adapter = await applyAdapter(model, { method: "lora", r: 2, loraDropout: 0.1, targetModules: TARGETS });
  fillWithNoise(adapter, 3);
  const params = adapter.trainableParams().map(([, param]) => param);
  expect(params.every(({ dtype }) => dtype === "F32")).toBe(true);
  const batch = { adapter: "default", inputIds: IDS, labels: IDS };
  const run = () => withRng(new Rng(4), () => adapterLosses(model, [batch]).loss);
  const results = await withoutLeak(() => lossAndGradients(run, params));
  adaptersOf(model).delete("default");
  return results;
}
