import { join } from "node:path";
import type { DecoderConfig } from "@mixtape/config";
import type { CausalLMOutput, ForCausalLM } from "@mixtape/decoder";
import type { EngineName } from "@mixtape/engine";
import { dispose, type Tensor } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectAllClose, type Values } from "../all-close.js";
import { useTestEngine } from "../engines.js";
import { type Golden, goldenNames, hasGreedy, readCase, readGolden } from "../golden.js";
import { greedy } from "../greedy.js";
import { type Family, logitsOf, positions } from "./subject.js";

const VALUES = { atol: 1e-4 };
const LOSSES = { atol: 1e-5 };

/**
 * Maximum error of the median row of an output, or of a loss, relative to its norm, where activations are rounded to
 * bfloat16: rounding may send a token to another expert. transformers in bfloat16 is off by 0.008 to 0.019.
 */
const ROUNDED = 0.015;

/**
 * The model computes what the reference computed, for every golden checkpoint in a folder.
 * @param options.engine the current one. On `native`, bfloat16 checkpoints are computed in either precision
 * @param options.greedyOf names of the checkpoints whose text is compared too. Default: all
 */
export function matchesGoldens<C extends DecoderConfig>(
  Model: Family<C>,
  folder: string,
  { fewest, engine, greedyOf }: { fewest: number; engine: EngineName; greedyOf?: readonly string[] | undefined },
): void {
  const names = goldenNames(folder);

  test("there are golden files", () => {
    // An empty folder is a failure, not a success.
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
    let model: ForCausalLM<C>;
    beforeAll(async () => {
      if (precision) await useTestEngine(engine, { precision });
      golden = await readGolden(join(folder, name));
      model = await Model.fromPretrained(golden.folder);
    });
    afterAll(async () => {
      model.dispose();
      if (precision) await useTestEngine(engine);
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
          if (precision === "bfloat16")
            expect(median(errorsOf(await valuesOf(tensor), expected)), key).toBeLessThan(ROUNDED);
          else await expectAllClose(tensor, expected, key.endsWith("loss") ? LOSSES : VALUES, key);
        }
        expect(output.routerLogits).toHaveLength(golden.case.expertLayers.length);
      } finally {
        dispose([...actual.values()]);
        dispose(others as object as Record<string, Tensor>);
      }
    });

    // Rounding activations may change which of two nearly equal tokens is the most likely.
    if (precision === "bfloat16")
      test("logits with a cache, which is rounded too", async () => {
        const { inputs, outputs } = golden;
        const expected = outputs.get("logits")!;
        const length = expected.shape[1]!;
        const cache = model.createCache();
        const errors: number[] = [];
        try {
          for (const [from, to] of [
            [0, length - 3],
            [length - 3, length - 1],
            [length - 1, length],
          ] as const) {
            const slice = (rows: number[][] | undefined, first: number) => rows?.map((row) => row.slice(first, to));
            const chunk = await logitsOf(model, {
              inputIds: slice(inputs.inputIds, from)!,
              attentionMask: slice(inputs.attentionMask, 0),
              positionIds: slice(inputs.positionIds, from),
              cache,
            });
            for (const row of inputs.inputIds.keys())
              errors.push(...errorsOf(positions(chunk, row, 0, to - from), positions(expected, row, from, to)));
          }
        } finally {
          cache.dispose();
        }
        expect(errors).toHaveLength(inputs.inputIds.length * length);
        expect(median(errors)).toBeLessThan(ROUNDED);
      });
    else if (hasGreedy(join(folder, name)) && (greedyOf?.includes(name) ?? true))
      test("greedy text", async () => {
        const { promptIds, attentionMask, ids } = golden.greedy!;
        expect(ids.map((row) => row.length)).toEqual(promptIds.map(() => 64));
        expect(await greedy(model, promptIds, 64, attentionMask)).toEqual(ids);
      });
  });
}

/** Returns the norm of the error of each row, relative to that of the expected row. */
function errorsOf(actual: Values, { shape, values }: Values): number[] {
  expect(actual.shape).toEqual(shape);
  const width = shape.at(-1) ?? 1;
  return Array.from({ length: values.length / width }, (_, row) => {
    let error = 0;
    let size = 0;
    for (let i = row * width; i < (row + 1) * width; i++) {
      error += (actual.values[i]! - values[i]!) ** 2;
      size += values[i]! ** 2;
    }
    return Math.sqrt(error / size);
  });
}

/** Returns the upper median. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

async function valuesOf(tensor: Tensor): Promise<Values> {
  return { shape: tensor.shape, values: (await tensor.data()) as Float32Array };
}

/** Returns the outputs of a forward pass, under the names of golden files. */
function flatten(output: Omit<CausalLMOutput, "routings"> & { lmLoss?: Tensor | undefined }): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [field, value] of Object.entries(output)) {
    const name = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (Array.isArray(value)) for (const [i, item] of value.entries()) tensors.set(`${name}.${i}`, item);
    else if (value) tensors.set(name, value);
  }
  return tensors;
}
