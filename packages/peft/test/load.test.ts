import { join } from "node:path";
import type { ForCausalLM } from "@mixtape/decoder";
import type { Linear } from "@mixtape/layers";
import { expectAllClose, type Golden, onEachEngine, type Values, withoutLeak } from "@mixtape/testing";
import { dispose } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adapterTensors } from "../src/files/adapter-keys.js";
import { extractValues } from "../src/files/adapter-tensors.js";
import { adapterLosses, adaptersOf, loadAdapter } from "../src/index.js";
import { goldenAdapters, loadGoldenModel, readTensors } from "./support/golden-adapters.js";
import { lossAndGradients } from "./support/gradients.js";

const LOGITS = { atol: 1e-4 };
const LOSSES = { atol: 1e-5 };
const GRADIENTS = { atol: 1e-5, rtol: 1e-4 };

onEachEngine((engine) => {
  // TensorFlow.js's JavaScript takes seconds for a backward pass, and no kernel of it knows of checkpointing.
  const checkpointings = engine === "cpu" ? [false] : [false, true];
  describe.each(goldenAdapters)("$name", ({ folder, about, isMixture }) => {
    let model: ForCausalLM;
    let golden: Golden;
    let expected: Map<string, Values>;

    beforeAll(async () => {
      ({ model, golden } = await loadGoldenModel(about.model));
      expected = await readTensors(join(folder, "golden.safetensors"));
    });
    afterAll(() => model.dispose());

    const inputs = () => ({ inputIds: golden.inputs.inputIds, attentionMask: golden.inputs.attentionMask });

    test("computes what the reference computes, and nothing once it is deleted", async () => {
      await withoutLeak(async () => {
        await loadAdapter(model, folder);
        const { logits } = model.forward(inputs());
        await expectAllClose(logits, expected.get("logits")!, LOGITS, "logits");
        logits.dispose();
        adaptersOf(model).delete("default");
        const alone = model.forward(inputs());
        await expectAllClose(alone.logits, golden.outputs.get("logits")!, LOGITS, "logits of the model");
        alone.logits.dispose();
      });
    });

    test.runIf(about.merges === false)(
      "cannot be part of the model's weights, and the model stays as it is",
      async () => {
        await loadAdapter(model, folder);
        await expect(adaptersOf(model).merge("default")).rejects.toThrow(/^merge default: expected /);
        const { logits } = model.forward(inputs());
        await expectAllClose(logits, expected.get("logits")!, LOGITS, "logits");
        logits.dispose();
        adaptersOf(model).delete("default");
      },
    );

    test.runIf(!isMixture && about.merges !== false)(
      "merged, the model computes the same by itself; unmerged, it has the weights that it had",
      async () => {
        await withoutLeak(async () => {
          await loadAdapter(model, folder);
          const adapters = adaptersOf(model);
          await adapters.merge("default");
          expect([...model.namedModules()].filter(([, module]) => (module as Partial<Linear>).wrapForward)).toEqual([]);
          const merged = model.forward(inputs());
          await expectAllClose(merged.logits, expected.get("logits")!, LOGITS, "merged");
          merged.logits.dispose();
          adapters.unmerge();
          const again = model.forward(inputs());
          await expectAllClose(again.logits, expected.get("logits")!, LOGITS, "unmerged");
          again.logits.dispose();
          adapters.delete("default");
          const alone = model.forward(inputs());
          await expectAllClose(alone.logits, golden.outputs.get("logits")!, LOGITS, "alone");
          alone.logits.dispose();
        });
      },
    );

    test.each(checkpointings)(
      "has the losses and gradients that torch has, layers checkpointed: %s",
      async (gradientCheckpointing) => {
        await withoutLeak(async () => {
          const adapter = await loadAdapter(model, folder);
          adapter.unfreeze();
          const { inputIds, attentionMask, labels } = golden.inputs;
          const batch = { adapter: "default", inputIds, labels, attentionMask };
          const stored = adapterTensors(adapter, "fused").filter(({ param }) => param.isTrainable);
          const { loss, gradients } = await lossAndGradients(
            () => adapterLosses(model, [batch], { gradientCheckpointing }).loss,
            stored.map(({ param }) => param),
          );
          expect(loss).toBeCloseTo(expected.get("loss")!.values[0]!, 5);
          for (const [i, { tensors }] of stored.entries())
            for (const tensor of tensors) {
              const { values } = expected.get(`grad.${tensor.name}`)!;
              await expectAllClose(extractValues(tensor, gradients[i]!), values, GRADIENTS, tensor.name);
            }
          adaptersOf(model).delete("default");
        });
      },
    );

    test("says what its loss is made of", async () => {
      await loadAdapter(model, folder);
      const { inputIds, attentionMask, labels } = golden.inputs;
      const { loss, losses } = adapterLosses(model, [{ adapter: "default", inputIds, labels, attentionMask }]);
      const [own] = losses;
      await expectAllClose(own!.lmLoss, (expected.get("lm_loss") ?? expected.get("loss"))!, LOSSES, "lm loss");
      if (expected.has("router_loss"))
        await expectAllClose(own!.routerLoss!, expected.get("router_loss")!, LOSSES, "router");
      else expect(own!.routerLoss).toBeUndefined();
      dispose([loss, own!.loss, own!.lmLoss, ...(own!.routerLoss ? [own!.routerLoss] : [])]);
      adaptersOf(model).delete("default");
    });
  });
});
