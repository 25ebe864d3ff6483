/** The loss of held-out texts. */

import { MixtralForCausalLM } from "@mixtape/mixtral";
import { fixture, onEachEngine, withoutLeak } from "@mixtape/testing";
import { dispose } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { dataLoader, evaluate, TrainingError } from "../src/index.js";

const folder = fixture("models/mixtral/basic");
const examples = [
  { inputIds: [5, 9, 17, 33, 65] },
  { inputIds: [8, 2, 44], labels: [-100, -100, 44] },
  { inputIds: [1, 90, 13, 26, 52, 7, 14], labels: [-100, -100, -100, 26, 52, 7, 14] },
];

onEachEngine(() => {
  test("is the mean over all labels, whatever the batches are, and leaves no tensor behind", async () => {
    const model = await MixtralForCausalLM.fromPretrained(folder);
    await withoutLeak(async () => {
      const alone = [];
      for (const { inputIds, labels = inputIds } of examples) {
        const { loss, logits } = model.forward({ inputIds: [inputIds], labels: [labels], outputRouterLogits: false });
        const counted = labels.slice(1).filter((label) => label !== -100).length;
        alone.push({ sum: (await loss!.data())[0]! * counted, counted });
        dispose([loss!, logits]);
      }
      const tokens = alone.reduce((sum, { counted }) => sum + counted, 0);
      const expected = alone.reduce((sum, part) => sum + part.sum, 0) / tokens;
      for (const batchSize of [1, 2, 3]) {
        const found = await evaluate(model, dataLoader(examples, { batchSize, seed: null }));
        expect(found.tokens).toBe(tokens);
        expect(Math.abs(found.loss - expected)).toBeLessThan(2e-5);
        expect(found.perplexity).toBe(Math.exp(found.loss));
      }
      const packed = await evaluate(
        model,
        dataLoader(examples, { batchSize: 1, maxLength: 16, pack: true, seed: null }),
      );
      expect(Math.abs(packed.loss - expected)).toBeLessThan(2e-5);
    });
    model.dispose();
  });
});

test("reports each batch, stops where the signal says so, and needs a label", async () => {
  const model = await MixtralForCausalLM.fromPretrained(folder);
  const data = dataLoader(examples, { batchSize: 1, seed: null });
  const seen: string[] = [];
  const stop = new AbortController();
  const run = evaluate(model, data, {
    signal: stop.signal,
    onBatch(done, all) {
      seen.push(`${done} of ${all}`);
      if (done === 2) stop.abort("enough");
    },
  });
  await expect(run).rejects.toBe("enough");
  expect(seen).toEqual(["1 of 3", "2 of 3"]);
  const empty = { batchesPerEpoch: 1, batch: () => ({ inputIds: [[1, 2]], labels: [[-100, -100]] }) };
  await expect(evaluate(model, empty)).rejects.toThrow(TrainingError);
  model.dispose();
});
