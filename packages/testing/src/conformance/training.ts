import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DecoderConfig } from "@mixtape/config";
import type { CausalLMInputs, ForCausalLM } from "@mixtape/decoder";
import { type Param, RMSNorm } from "@mixtape/layers";
import { valueAndGradientsOf } from "@mixtape/ops";
import { openSafetensors, toFloat32 } from "@mixtape/safetensors";
import { dispose, mul, type Scalar, tidy, zerosLike } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { goldenNames, ownerOf, readGolden } from "../golden.js";
import { withoutLeak } from "../leak.js";
import { type Family, type Subject, sampleText } from "./subject.js";

/** How far a gradient may be from the reference's, relative to its length. */
const GOLDEN = 1e-4;

/** Names on disk of what moves the choice of experts alone, and has no gradient. */
const MOVES_THE_CHOICE = /(expert_bias|e_score_correction_bias)$/;

/** Gradients are written so much larger that a constant beside them takes no digits; a power of two, which rounds nothing. */
const MAGNIFIED = 2 ** 12;

/** How far two ways to one gradient may be apart, relative to its length. */
const SAME = 1e-6;

/** The gradients of the loss are those of the reference, for every parameter of every golden checkpoint. */
export function matchesGoldenGradients<C extends DecoderConfig>(Model: Family<C>, folder: string): void {
  const names = goldenNames(folder).filter((name) => existsSync(join(folder, name, "gradients.safetensors")));

  test("there are goldens to compare with", () => {
    const own = goldenNames(folder).filter((name) => ownerOf(join(folder, name)) === join(folder, name));
    expect(names).toEqual(own);
  });

  test.each(names)("%s", async (name) => {
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

/** What training asks of a model changes nothing that it should not. */
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
      // The first token of a text is nobody's next.
      labels: [texts.flatMap(([, ...rest]) => [-100, ...rest])],
      positionIds: [texts.flatMap((text) => [...text.keys()])],
      segmentIds: [texts.flatMap((text, i) => text.map(() => i))],
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

  test("frozen parameters have no part in the way back", async () => {
    const model = await create();
    const norms = [...model.namedModules()].flatMap(([, module]) => (module instanceof RMSNorm ? [module.weight] : []));
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

/** The loss, and its gradients under the names of checkpoints. The weights of the model are as they were. */
async function lossAndGradients(
  model: ForCausalLM,
  inputs: CausalLMInputs,
  by: readonly Param[] = [...model.namedParameters()].map(([, param]) => param).filter((param) => param.hasGradient),
): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
  for (const param of by) param.unfreeze();
  const xs = by.flatMap(({ weight }) => [...weight.parts]);
  const { value, gradients } = valueAndGradientsOf(() => model.forward(inputs).loss as Scalar, xs);
  const [loss] = await value.data();
  const left = [...gradients];
  const before = by.map((param) => param.weight.parts.map((part) => part.clone()));
  // The names on disk, and how weights lie there, is what the model knows of itself.
  tidy(() => {
    for (const param of by)
      param.assign(
        param.weight.parts.map((part) => {
          const gradient = left.shift();
          return gradient ? mul(gradient, MAGNIFIED) : zerosLike(part);
        }),
      );
  });
  dispose([value, ...gradients.filter((gradient) => gradient !== undefined)]);
  const found = await written(model);
  // What a mapping adds to a parameter is no part of its gradient.
  tidy(() => {
    for (const param of by) param.assign(param.weight.parts.map((part) => zerosLike(part)));
  });
  for (const [name, constants] of await written(model))
    found.set(
      name,
      found.get(name)!.map((value, i) => (value - constants[i]!) / MAGNIFIED),
    );
  for (const [i, param] of by.entries()) param.assign(before[i]!);
  return { loss: loss!, gradients: found };
}

/** The tensors as a file would have them. */
async function written(model: ForCausalLM): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const { name, bytes } of model.tensorsToWrite("F32"))
    found.set(name, toFloat32(typeof bytes === "function" ? await bytes() : bytes, "F32").slice());
  return found;
}

/** The length of a difference, relative to the length of what was expected. */
function distance(actual: Float32Array, expected: Float32Array): number {
  let error = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    size += expected[i]! ** 2;
  }
  expect(actual.length).toBe(expected.length);
  return size === 0 ? Math.sqrt(error) : Math.sqrt(error / size);
}
