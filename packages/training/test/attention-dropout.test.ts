/** Attention dropout drops where transformers' eager attention does, given the same masks. */

import { readFileSync } from "node:fs";
import { AfmoeForCausalLM } from "@mixtape/afmoe";
import type { ForCausalLM } from "@mixtape/decoder";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { Rng, withRng } from "@mixtape/ops";
import { Qwen3MoeForCausalLM } from "@mixtape/qwen3-moe";
import { fixture, onEachEngine, withoutLeak } from "@mixtape/testing";
import { type Tensor, transpose } from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { CausalLMTask, lossAndGradients, type TrainingBatch, unfreeze } from "../src/index.js";

interface Golden {
  readonly dropout: number;
  readonly seed: number;
  readonly cases: readonly {
    readonly checkpoint: string;
    readonly inputs: TrainingBatch;
    readonly loss: number;
    readonly row: number;
    readonly gradientNorms: Readonly<Record<string, number>>;
    readonly gradientRows: Readonly<Record<string, readonly number[]>>;
  }[];
}

const golden = JSON.parse(readFileSync(fixture("dropout/attention.json"), "utf8")) as Golden;

/** A golden checkpoint whose config says that attention drops. */
function withDropout(checkpoint: string): Promise<ForCausalLM> {
  const read = (file: string): Uint8Array => readFileSync(fixture(`models/${checkpoint}/${file}`));
  const config = JSON.parse(new TextDecoder().decode(read("config.json"))) as object;
  const files = new Map([
    ["config.json", new TextEncoder().encode(JSON.stringify({ ...config, attention_dropout: golden.dropout }))],
    ["model.safetensors", read("model.safetensors")],
  ]);
  if (checkpoint.startsWith("mixtral/")) return MixtralForCausalLM.fromPretrained(files);
  return checkpoint.startsWith("afmoe/")
    ? AfmoeForCausalLM.fromPretrained(files)
    : Qwen3MoeForCausalLM.fromPretrained(files);
}

/** The loss, and the gradients of some parameters, rows as the reference has them. */
async function trained(
  model: ForCausalLM,
  batch: TrainingBatch,
  names: readonly string[],
  gradientCheckpointing = false,
) {
  const params = unfreeze(model, (name) => names.includes(name.replace(/^model\./, "")));
  const task = new CausalLMTask(model, { params, auxLossCoef: 0, gradientCheckpointing });
  const share = { numItems: task.labels(batch), batches: 1 };
  const { loss, gradients } = withRng(new Rng(golden.seed), () =>
    lossAndGradients(() => task.loss(batch, share).loss, params),
  );
  const rows = new Map<string, number[][]>();
  for (const [name, { weight }] of params) {
    const [part] = gradients.get(name) as [Tensor];
    const plain = weight.layout === "transposed" ? transpose(part) : part;
    rows.set(name.replace(/^model\./, ""), (await plain.array()) as number[][]);
    if (plain !== part) plain.dispose();
  }
  const [value] = await loss.data();
  loss.dispose();
  gradients.dispose();
  return { loss: value!, rows };
}

onEachEngine(() => {
  test.each(golden.cases.map((one, i) => [`${one.checkpoint}${one.inputs.documentIds ? ", packed" : ""}`, i] as const))(
    "%s: losses and gradients are the reference's",
    async (_, i) => {
      const { checkpoint, inputs, loss, row, gradientNorms, gradientRows } = golden.cases[i]!;
      await withoutLeak(async () => {
        const model = await withDropout(checkpoint);
        const names = Object.keys(gradientNorms);
        const found = await trained(model, inputs, names);
        expect(found.loss).toBeCloseTo(loss, 4);
        for (const name of names) {
          const rows = found.rows.get(name)!;
          expect(Math.hypot(...rows.flat()) / gradientNorms[name]!, name).toBeCloseTo(1, 4);
          for (const [at, value] of gradientRows[name]!.entries()) expect(rows[row]![at], name).toBeCloseTo(value, 4);
        }
        const again = await trained(model, inputs, names, true);
        expect(again.loss).toBeCloseTo(found.loss, 6);
        for (const name of names) {
          const before = found.rows.get(name)!.flat();
          const apart = again.rows
            .get(name)!
            .flat()
            .map((value, at) => value - before[at]!);
          expect(Math.hypot(...apart), name).toBeLessThan(1e-5);
        }
        model.dispose();
      });
    },
  );

  test("outside of training nothing is dropped", async () => {
    const { checkpoint, inputs } = golden.cases[0]!;
    const [model, plain] = [
      await withDropout(checkpoint),
      await MixtralForCausalLM.fromPretrained(fixture(`models/${checkpoint}`)),
    ];
    const [a, b] = [model, plain].map((one) => one.forward({ inputIds: inputs.inputIds }).logits);
    expect(await a!.data()).toEqual(await b!.data());
    for (const one of [a!, b!, model, plain]) one.dispose();
  });
});
