import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DecoderConfig } from "@mixtape/config";
import type { CausalLMInputs, ForCausalLM } from "@mixtape/decoder";
import type { Param } from "@mixtape/layers";
import { openSafetensors, toFloat32 } from "@mixtape/safetensors";
import type { Scalar } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { goldenNames, ownerOf, readGolden } from "../golden.js";
import { withoutLeak } from "../leak.js";
import { distance, gradientsOfLoss } from "./loss-gradients.js";
import { type Family, type Subject, sampleText } from "./subject.js";

/** Tolerance of a gradient, relative to the norm of the reference's. */
const GOLDEN = 1e-4;

/** Names on disk of parameters that only affect the selection of experts, and have no gradient. */
const MOVES_THE_CHOICE = /(expert_bias|e_score_correction_bias)$/;

/** Tolerance of two ways to compute one gradient, relative to its norm. */
const SAME = 1e-6;

/** Gradients of the loss match the reference, for every parameter of every golden checkpoint, or of those in `only`. */
export function matchesGoldenGradients<C extends DecoderConfig>(
  Model: Family<C>,
  folder: string,
  only?: readonly string[],
): void {
  const names = goldenNames(folder).filter((name) => existsSync(join(folder, name, "gradients.safetensors")));

  test("there are goldens to compare with", () => {
    const own = goldenNames(folder).filter((name) => ownerOf(join(folder, name)) === join(folder, name));
    expect(names).toEqual(own);
  });

  test.each(only ? names.filter((name) => only.includes(name)) : names)("%s", async (name) => {
    const { inputs } = await readGolden(join(folder, name));
    const golden = await openSafetensors(join(folder, name, "gradients.safetensors"));
    await withoutLeak(async () => {
      const model = await Model.fromPretrained(join(folder, name));
      try {
        const { gradients } = await lossAndGradients(model, { ...inputs, outputRouterLogits: true });
        const compared = [...gradients.keys()].filter((key) => !MOVES_THE_CHOICE.test(key));
        expect(compared.sort()).toEqual([...golden.names].sort());
        for (const key of compared) {
          const view = golden.tensor(key);
          const apart = distance(gradients.get(key)!, toFloat32(await view.read(), view.dtype));
          expect(apart, key).toBeLessThan(GOLDEN);
        }
      } finally {
        model.dispose();
      }
    });
    await golden.close();
  });
}

/** Training features do not change results that they should not. */
export function trains<C extends DecoderConfig>({ create }: Subject<C>): void {
  test("gradient checkpointing changes no gradient", async () => {
    const model = await create();
    const inputIds = sampleText(2, 8, model.config);
    const inputs = { inputIds, labels: inputIds, outputRouterLogits: true };
    const plain = await lossAndGradients(model, inputs);
    const checkpointed = await lossAndGradients(model, { ...inputs, gradientCheckpointing: true });
    expect(checkpointed.loss).toBeCloseTo(plain.loss, 6);
    for (const [name, values] of plain.gradients)
      expect(distance(checkpointed.gradients.get(name)!, values), name).toBeLessThan(SAME);
    model.dispose();
  });

  test("texts in one row are to each other as if they were not there", async () => {
    const model = await create();
    const lengths = [5, 3, 4];
    const texts = lengths.map((length, i) => sampleText(3, length, model.config)[i]!);
    const loss = (inputs: CausalLMInputs) => lossAndGradients(model, { ...inputs, numItemsInBatch: 9 });
    const packed = await loss({
      inputIds: [texts.flat()],
      // The first token of a text is not predicted by the text before it.
      labels: [texts.flatMap(([, ...rest]) => [-100, ...rest])],
      positionIds: [texts.flatMap((text) => [...text.keys()])],
      documentIds: [texts.flatMap((text, i) => text.map(() => i))],
      outputRouterLogits: false,
    });
    const longest = Math.max(...lengths);
    const filled = <T>(row: readonly T[], filler: T): T[] => [...row, ...Array<T>(longest - row.length).fill(filler)];
    const apart = await loss({
      inputIds: texts.map((text) => filled(text, 0)),
      labels: texts.map((text) => filled(text, -100)),
      attentionMask: texts.map((text) =>
        filled(
          text.map(() => 1),
          0,
        ),
      ),
      outputRouterLogits: false,
    });
    expect(packed.loss).toBeCloseTo(apart.loss, 5);
    for (const [name, values] of apart.gradients)
      expect(distance(packed.gradients.get(name)!, values), name).toBeLessThan(1e-4);
    model.dispose();
  });

  test("frozen parameters have no part in the backward pass", async () => {
    const model = await create();
    const norms = [...model.namedParameters()].flatMap(([name, param]) => (name.includes("norm") ? [param] : []));
    expect(norms.length).toBeGreaterThan(0);
    const inputIds = sampleText(2, 8, model.config);
    const inputs = { inputIds, labels: inputIds };
    const { gradients } = await lossAndGradients(model, inputs, norms);
    const all = await lossAndGradients(model, inputs);
    let compared = 0;
    for (const [name, values] of gradients) {
      if (!name.includes("norm")) continue;
      expect(distance(values, all.gradients.get(name)!), name).toBeLessThan(SAME);
      compared++;
    }
    expect(compared).toBe(norms.length);
    model.dispose();
  });
}

function lossAndGradients(model: ForCausalLM, inputs: CausalLMInputs, by?: readonly Param[]) {
  return gradientsOfLoss(model, () => model.forward(inputs).loss as Scalar, by);
}
