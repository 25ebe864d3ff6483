import { join } from "node:path";
import type { DecoderConfig } from "@mixtape/config";
import type { CausalLM, CausalLMOutput } from "@mixtape/decoder";
import { type EngineName, useEngine } from "@mixtape/engine";
import { dispose, type Tensor } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectAllClose, type Values } from "../all-close.js";
import { type Golden, goldenNames, hasGreedy, readCase, readGolden } from "../golden.js";
import { greedy } from "../greedy.js";
import type { Family } from "./subject.js";

const VALUES = { atol: 1e-4 };
const LOSSES = { atol: 1e-5 };

/**
 * Where activations are rounded to bfloat16, the root mean square of the error in each output, and the error of a loss, is at
 * most this share of the output's own. transformers in bfloat16 is off by 0.008 to 0.019 on the same checkpoints.
 */
const ROUNDED = 0.015;

/**
 * The model computes what the reference computed, from every golden checkpoint in a folder.
 * @param engine the one in use. On `native`, checkpoints in bfloat16 are computed in either precision
 */
export function matchesGoldens<C extends DecoderConfig>(
  Model: Family<C>,
  folder: string,
  { fewest, engine }: { fewest: number; engine: EngineName },
): void {
  const names = goldenNames(folder);

  test("there are golden files", () => {
    // An empty folder is a fault, not a success.
    expect(names.length).toBeGreaterThanOrEqual(fewest);
    expect(names.filter((name) => hasGreedy(join(folder, name))).length).toBeGreaterThanOrEqual(fewest - 1);
  });

  const cases = names.flatMap((name) => {
    const rounds = engine === "native" && readCase(join(folder, name)).weights === "bfloat16";
    const precisions = rounds ? (["float32", "bfloat16"] as const) : [undefined];
    return precisions.map((precision) => ({
      name,
      precision,
      title: precision ? `${name}, ${precision} products` : name,
    }));
  });

  describe.each(cases)("$title", ({ name, precision }) => {
    let golden: Golden;
    let model: CausalLM<C>;
    beforeAll(async () => {
      if (precision) await useEngine(engine, { precision });
      golden = await readGolden(join(folder, name));
      model = await Model.fromPretrained(golden.folder);
    });
    afterAll(async () => {
      model.dispose();
      if (precision) await useEngine(engine);
    });

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
        for (const [key, tensor] of actual) {
          const expected = outputs.get(key)!;
          if (precision === "bfloat16") expect(await errorOf(tensor, expected), key).toBeLessThan(ROUNDED);
          else await expectAllClose(tensor, expected, key.endsWith("loss") ? LOSSES : VALUES, key);
        }
        expect(output.routerLogits).toHaveLength(golden.case.expertLayers.length);
      } finally {
        dispose([...actual.values()]);
        dispose(others as object as Record<string, Tensor>);
      }
    });

    // The likeliest of two tokens that are nearly alike is another one where activations are rounded.
    if (!hasGreedy(join(folder, name)) || precision === "bfloat16") return;
    test("greedy text", async () => {
      const { promptIds, attentionMask, ids } = golden.greedy!;
      expect(ids.map((row) => row.length)).toEqual(promptIds.map(() => 64));
      expect(await greedy(model, promptIds, 64, attentionMask)).toEqual(ids);
    });
  });
}

/** The root mean square of the error, relative to that of what was expected. */
async function errorOf(actual: Tensor, { shape, values }: Values): Promise<number> {
  expect(actual.shape).toEqual(shape);
  const got = await actual.data();
  let error = 0;
  let size = 0;
  for (const [i, value] of values.entries()) {
    error += (got[i]! - value) ** 2;
    size += value ** 2;
  }
  return Math.sqrt(error / size);
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
