import { join } from "node:path";
import type { DecoderConfig } from "@mixtape/config";
import type { CausalLM, CausalLMOutput } from "@mixtape/decoder";
import { dispose, type Tensor } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectAllClose } from "../all-close.js";
import { type Golden, goldenNames, hasGreedy, readGolden } from "../golden.js";
import { greedy } from "../greedy.js";
import type { Family } from "./subject.js";

const VALUES = { atol: 1e-4 };
const LOSSES = { atol: 1e-5 };

/** The model computes what the reference computed, from every golden checkpoint in a folder. */
export function matchesGoldens<C extends DecoderConfig>(Model: Family<C>, folder: string, fewest: number): void {
  const names = goldenNames(folder);

  test("there are golden files", () => {
    // An empty folder is a fault, not a success.
    expect(names.length).toBeGreaterThanOrEqual(fewest);
    expect(names.filter((name) => hasGreedy(join(folder, name))).length).toBeGreaterThanOrEqual(fewest - 1);
  });

  describe.each(names)("%s", (name) => {
    let golden: Golden;
    let model: CausalLM<C>;
    beforeAll(async () => {
      golden = await readGolden(join(folder, name));
      model = await Model.fromPretrained(golden.folder);
    });
    afterAll(() => model.dispose());

    test("every number of a forward pass, at padding too", async () => {
      const { inputs, outputs } = golden;
      const wanted = [...outputs.keys()];
      const output = model.forward({
        ...inputs,
        outputHiddenStates: true,
        outputRouterLogits: true,
        outputAttentions: wanted.some((key) => key.startsWith("attentions")),
      });
      const { loss: lmLoss, ...others } = model.forward({ ...inputs, outputRouterLogits: false });
      const actual = flatten({ ...output, lmLoss });
      try {
        expect([...actual.keys()].sort()).toEqual(wanted.sort());
        for (const [key, tensor] of actual)
          await expectAllClose(tensor, outputs.get(key)!, key.endsWith("loss") ? LOSSES : VALUES, key);
        expect(output.routerLogits).toHaveLength(golden.case.expertLayers.length);
      } finally {
        dispose([...actual.values()]);
        dispose(others as object as Record<string, Tensor>);
      }
    });

    if (!hasGreedy(join(folder, name))) return;
    test("greedy text", async () => {
      const { promptIds, attentionMask, ids } = golden.greedy!;
      expect(ids.map((row) => row.length)).toEqual(promptIds.map(() => 64));
      expect(await greedy(model, promptIds, 64, attentionMask)).toEqual(ids);
    });
  });
}

/** What a forward pass returned, under the names of golden files. */
function flatten(output: CausalLMOutput & { lmLoss?: Tensor | undefined }): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [field, value] of Object.entries(output)) {
    const name = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (Array.isArray(value)) for (const [i, item] of value.entries()) tensors.set(`${name}.${i}`, item);
    else if (value) tensors.set(name, value);
  }
  return tensors;
}
