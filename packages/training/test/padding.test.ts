/** Where the config has a `pad_token_id`, the padding token's embedding learns as in transformers: from a tied head alone. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AfmoeForCausalLM } from "@mixtape/afmoe";
import type { ForCausalLM, ModelClass } from "@mixtape/decoder";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { encodeWeight } from "@mixtape/ops";
import { Qwen3MoeForCausalLM } from "@mixtape/qwen3-moe";
import { toFloat32 } from "@mixtape/safetensors";
import { fixture, onEachEngine, testEngines, withoutCpu, withoutLeak } from "@mixtape/testing";
import { expect, test } from "vitest";
import { lossAndGradients, type NamedParam, train, unfreeze } from "../src/index.js";

interface Golden {
  readonly padTokenId: number;
  readonly steps: number;
  readonly optimizer: {
    readonly learningRate: number;
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weightDecay: number;
  };
  readonly cases: Readonly<Record<"untied" | "tied", Case>>;
}

interface Case {
  readonly model: string;
  readonly inputs: Readonly<Record<Side, Record<"input_ids" | "attention_mask" | "labels", number[][]>>>;
  /** The gradient of some rows of the embedding, by token. */
  readonly rows: Readonly<Record<Side, Readonly<Record<string, readonly number[]>>>>;
  /** The norm of the gradient of all rows. */
  readonly norms: Readonly<Record<Side, number>>;
  /** The row of padding after some steps. */
  readonly trained: readonly number[];
}

type Side = "left" | "right";

const FAMILIES = { mixtral: MixtralForCausalLM, "qwen3-moe": Qwen3MoeForCausalLM, afmoe: AfmoeForCausalLM };
const CASES = Object.keys(FAMILIES).flatMap((family) =>
  (["untied", "tied"] as const).map((head) => [family as keyof typeof FAMILIES, head] as const),
);

onEachEngine(() => {
  test.each(CASES)("%s, %s: gradients with padding on either side, and steps of AdamW", async (family, head) => {
    const { padTokenId, steps, optimizer, cases } = goldenOf(family);
    const golden = cases[head];
    await withoutLeak(async () => {
      const model = await load(family, golden.model, padTokenId);
      expect(model.lmHead === null).toBe(head === "tied");
      unfreeze(model);
      const embedding: NamedParam = ["embedding", model.model.embedTokens.weight];
      for (const side of ["left", "right"] as const) {
        const inputs = inputsOf(golden, side);
        const { loss, gradients } = lossAndGradients(
          () => model.forward({ ...inputs, outputRouterLogits: true }).loss!,
          [embedding],
        );
        const weight = { ...embedding[1].weight, parts: gradients.get("embedding").map((part) => part!) };
        const values = toFloat32(await encodeWeight(weight, "F32"), "F32");
        loss.dispose();
        gradients.dispose();
        const width = model.config.hiddenSize;
        for (const [token, expected] of Object.entries(golden.rows[side]))
          expectNear(values.slice(Number(token) * width, (Number(token) + 1) * width), expected, 1e-4);
        expect(Math.abs(Math.hypot(...values) / golden.norms[side] - 1)).toBeLessThan(1e-4);
        if (head === "untied")
          expect(new Set(values.slice(padTokenId * width, (padTokenId + 1) * width))).toEqual(new Set([0]));
      }
      for await (const _ of train(model, { batch: () => inputsOf(golden, "right") }, { maxSteps: steps, optimizer }));
      const [, param] = embedding;
      const trained = toFloat32(await encodeWeight(param.weight, "F32"), "F32");
      const width = model.config.hiddenSize;
      expectNear(trained.slice(padTokenId * width, (padTokenId + 1) * width), golden.trained, 1e-5);
      model.dispose();
    });
  });
}, withoutCpu(testEngines()));

test("fresh values: the padding token's row is zero, as in transformers, and the head's is not", async () => {
  const { padTokenId } = goldenOf("mixtral");
  const model = await load("mixtral", "basic", padTokenId);
  await model.initialize({ seed: 1 });
  const norms = async ([, { weight }]: NamedParam): Promise<number[]> => {
    const values = toFloat32(await encodeWeight(weight, "F32"), "F32");
    const width = model.config.hiddenSize;
    return Array.from({ length: values.length / width }, (_, row) =>
      Math.hypot(...values.slice(row * width, (row + 1) * width)),
    );
  };
  const rows = await norms(["embedding", model.model.embedTokens.weight]);
  expect(rows.flatMap((norm, row) => (norm === 0 ? [row] : []))).toEqual([padTokenId]);
  expect(await norms(["head", model.lmHead!.weight])).not.toContain(0);
  model.dispose();
});

test("a pad_token_id below 0 counts from the end, as torch's padding_idx does", async () => {
  const model = await load("mixtral", "basic", -1);
  expect(model.model.embedTokens.paddingIdx).toBe(model.config.vocabSize - 1);
  model.dispose();
});

/** A model of the fixtures with another `pad_token_id`. */
async function load(family: keyof typeof FAMILIES, name: string, padTokenId: number): Promise<ForCausalLM> {
  const folder = fixture(`models/${family}/${name}`);
  const read = (file: string): Uint8Array => new Uint8Array(readFileSync(join(folder, file)));
  const config = { ...JSON.parse(readFileSync(join(folder, "config.json"), "utf8")), pad_token_id: padTokenId };
  const files = new Map<string, Uint8Array>([
    ["config.json", new TextEncoder().encode(JSON.stringify(config))],
    ["model.safetensors", read("model.safetensors")],
  ]);
  return (FAMILIES[family] as unknown as ModelClass<ForCausalLM>).fromPretrained(files);
}

function goldenOf(family: string): Golden {
  return JSON.parse(readFileSync(fixture(`padding/${family}.json`), "utf8")) as Golden;
}

function inputsOf({ inputs }: Case, side: Side) {
  const { input_ids: inputIds, attention_mask: attentionMask, labels } = inputs[side];
  return { inputIds, attentionMask, labels };
}

function expectNear(found: Float32Array, expected: readonly number[], tolerance: number): void {
  expect(found).toHaveLength(expected.length);
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - found[i]!)));
  expect(worst).toBeLessThan(tolerance);
}
