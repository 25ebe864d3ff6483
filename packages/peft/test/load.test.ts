import { join } from "node:path";
import type { CausalLM } from "@mixtape/decoder";
import type { Linear } from "@mixtape/layers";
import { logicalTensor, valueAndGradientsOf, type Weight } from "@mixtape/ops";
import { expectAllClose, type Golden, onEachEngine, type Values, withoutLeak } from "@mixtape/testing";
import { dispose, type Tensor, zerosLike } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adaptersOf, loadAdapter } from "../src/index.js";
import { peftTensors } from "../src/peft-names.js";
import { take } from "../src/stored.js";
import { goldenAdapters, loadGoldenModel, readTensors } from "./support/golden-adapters.js";

const LOGITS = { atol: 1e-4 };
const GRADIENTS = { atol: 1e-5, rtol: 1e-4 };

onEachEngine(() => {
  describe.each(goldenAdapters)("$name", ({ folder, about }) => {
    let model: CausalLM;
    let golden: Golden;
    let expected: Map<string, Values>;

    beforeAll(async () => {
      ({ model, golden } = await loadGoldenModel(about.model));
      expected = await readTensors(join(folder, "golden.safetensors"));
    });
    afterAll(() => model.dispose());

    const inputs = () => ({ inputIds: golden.inputs.inputIds, attentionMask: golden.inputs.attentionMask });

    test("computes what Hugging Face peft computes, and nothing once it is deleted", async () => {
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

    test("merged, the model computes the same by itself; unmerged, it has the weights that it had", async () => {
      await withoutLeak(async () => {
        await loadAdapter(model, folder);
        const adapters = adaptersOf(model);
        await adapters.merge("default");
        expect([...model.namedModules()].filter(([, module]) => (module as Partial<Linear>).around)).toEqual([]);
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
    });

    test("has the gradients that torch has", async () => {
      await withoutLeak(async () => {
        const adapter = await loadAdapter(model, folder);
        const stored = peftTensors(adapter, "fused");
        for (const { param } of stored) param.unfreeze();
        const parts = stored.flatMap(({ param }) => param.weight.parts as Tensor[]);
        const { labels } = golden.inputs;
        const { value, gradients } = valueAndGradientsOf(() => model.forward({ ...inputs(), labels }).loss!, parts);
        await expectAllClose(value, expected.get("loss")!, { atol: 1e-5 }, "loss");
        let next = 0;
        for (const { param, tensors } of stored) {
          // An expert that no token met has no gradient here, and zeros in torch.
          const own = param.weight.parts.map((part, i) => gradients[next + i] ?? zerosLike(part));
          next += own.length;
          const values = await logicalValues({ ...param.weight, parts: own });
          for (const tensor of tensors)
            await expectAllClose(
              take(tensor, values),
              expected.get(`grad.${tensor.name}`)!.values,
              GRADIENTS,
              tensor.name,
            );
          dispose(own);
        }
        expect(next).toBeGreaterThan(0);
        dispose([value]);
        adaptersOf(model).delete("default");
      });
    });
  });
});

async function logicalValues(weight: Weight): Promise<Float32Array> {
  const tensor = logicalTensor(weight);
  try {
    return (await tensor.data()) as Float32Array;
  } finally {
    tensor.dispose();
  }
}
