/** The tensors of checkpoints that transformers saved: read as our parts want them, and saved with the same bytes. */
import { readFileSync } from "node:fs";
import { openSafetensors, toFloat32 } from "@mixtape/safetensors";
import { beforeAll, describe, expect, test } from "vitest";
import {
  add,
  convert,
  deinterleave,
  expertWeights,
  from,
  ignore,
  rename,
  split,
  squeeze,
  transpose,
  type WeightMapping,
} from "../../src/index.js";
import { useCpu } from "../support/tiny.js";
import { contentsOf, element, fill, load, paramsOf, save, type Values, valuesOf } from "../support/weights.js";

beforeAll(useCpu);

type Shapes = Record<string, readonly number[]>;

async function readCheckpoint(name: string): Promise<{ file: Uint8Array; tensors: Record<string, Values> }> {
  const file = readFileSync(new URL(`../../../testing/__fixtures__/models/${name}/model.safetensors`, import.meta.url));
  const source = await openSafetensors(file);
  const tensors: Record<string, Values> = {};
  for (const tensor of source.names) {
    const { shape, dtype } = source.tensor(tensor);
    tensors[tensor] = { shape, values: toFloat32(await source.tensor(tensor).read(), dtype) };
  }
  return { file, tensors };
}

/** Loads a checkpoint into parameters of these names and shapes, and compares what is saved, but for what is ignored. */
async function roundTrip(
  name: string,
  shapesOf: (tensors: Record<string, Values>) => Shapes,
  mappings: readonly WeightMapping[],
  isIgnored: (name: string) => boolean = () => false,
): Promise<{ tensors: Record<string, Values>; values: Record<string, number[]> }> {
  const { file, tensors } = await readCheckpoint(name);
  const module = paramsOf(shapesOf(tensors));
  await load(module, file, mappings);
  const expected = Object.entries(await contentsOf(file)).filter(([tensor]) => !isIgnored(tensor));
  expect(await contentsOf(await save(module, mappings))).toEqual(Object.fromEntries(expected));
  return { tensors, values: await valuesOf(module) };
}

describe("GPT-OSS: gate and up in alternating columns, the input first", () => {
  const mappings = [
    convert(
      ["experts.gate_proj", "experts.up_proj"],
      from("experts.gate_up_proj", transpose(), deinterleave(2, 1), split(1)),
    ),
    convert(["experts.gate_bias", "experts.up_bias"], from("experts.gate_up_proj_bias", deinterleave(2, 1), split(1))),
    convert("experts.down_proj", from("experts.down_proj", transpose())),
    rename("experts.down_bias", "experts.down_proj_bias"),
    rename("mlp.router.gate.*", "mlp.router.*"),
  ];
  const shapesOf = (tensors: Record<string, Values>): Shapes =>
    Object.fromEntries(
      Object.entries(tensors).flatMap(([name, { shape }]): [string, readonly number[]][] => {
        const [e = 0, a = 0, b = 0] = shape;
        if (name.endsWith("experts.down_proj")) return [[name, [e, b, a]]];
        if (name.endsWith("down_proj_bias")) return [[name.replace("_proj", ""), shape]];
        if (name.includes(".router.")) return [[name.replace("router.", "router.gate."), shape]];
        if (!name.includes("gate_up")) return [[name, shape]];
        const parts = ["gate", "up"].map((part) => name.replace("gate_up", part));
        return name.endsWith("bias")
          ? parts.map((part) => [part.replace("_proj", ""), [e, a / 2]])
          : parts.map((part) => [part, [e, b / 2, a]]);
      }),
    );

  test.each(["basic", "bfloat16", "no-bias"])("%s", async (name) => {
    const { tensors, values } = await roundTrip(`gpt-oss/${name}`, shapesOf, mappings);
    const layers = Object.keys(tensors).filter((tensor) => tensor.endsWith("gate_up_proj"));
    expect(layers.length).toBeGreaterThan(1);
    for (const tensor of layers) {
      const block = tensor.slice(0, -"gate_up_proj".length);
      const [fused, bias, down] = ["gate_up_proj", "gate_up_proj_bias", "down_proj"].map(
        (one) => tensors[block + one]!,
      );
      const [e, m, twice] = fused!.shape as [number, number, number];
      for (const [part, at] of [
        ["gate", 0],
        ["up", 1],
      ] as const) {
        const matrix = fill([e, twice / 2, m], (x, i, j) => element(fused!, x, j, 2 * i + at));
        expect(values[`${block}${part}_proj`]).toEqual(matrix.values);
        expect(values[`${block}${part}_bias`]).toEqual(
          fill([e, twice / 2], (x, i) => element(bias!, x, 2 * i + at)).values,
        );
      }
      expect(values[`${block}down_proj`]).toEqual(fill([e, m, twice / 2], (x, i, j) => element(down!, x, j, i)).values);
    }
  });
});

describe("Qwen3-Next: norms that multiply by 1 + w, a mixer of another name in some layers, another head", () => {
  const experts = expertWeights({ gate: "gate_proj", up: "up_proj", down: "down_proj" });
  const norms = ["input_layernorm", "post_attention_layernorm", "q_norm", "k_norm", "model.norm"];
  const mappingsOf = (linear: readonly number[]): WeightMapping[] => [
    ...linear.map((layer) => rename(`layers.${layer}.self_attn.*`, `layers.${layer}.linear_attn.*`)),
    ...norms.map((norm) => convert(`${norm}.weight`, from(`${norm}.weight`, add(1)))),
    convert("self_attn.conv1d.weight", from("self_attn.conv1d.weight", squeeze(1))),
    rename("self_attn.a_log", "self_attn.A_log"),
    ...experts,
    ignore("mtp.*"),
  ];
  const shapesOf = (tensors: Record<string, Values>): Shapes => {
    const shapes: Shapes = {};
    for (const [name, { shape }] of Object.entries(tensors)) {
      const expert = /^(.*\.experts)\.(\d+)\.(.*)\.weight$/.exec(name);
      if (name.startsWith("mtp.")) continue;
      if (expert) {
        const stacked = `${expert[1]}.${expert[3]}`;
        const count = Math.max(shapes[stacked]?.[0] ?? 0, Number(expert[2]) + 1);
        shapes[stacked] = [count, ...shape];
      } else
        shapes[name.replace("linear_attn", "self_attn").replace("A_log", "a_log")] = shape.filter(
          (_, i) => i !== 1 || !name.includes("conv1d"),
        );
    }
    return shapes;
  };

  test.each(["basic", "bfloat16", "mtp"])("%s", async (name) => {
    const { tensors } = await readCheckpoint(`qwen3-next/${name}`);
    const linear = new Set(
      Object.keys(tensors).flatMap((tensor) => /layers\.(\d+)\.linear_attn/.exec(tensor)?.[1] ?? []),
    );
    const isIgnored = (tensor: string) => tensor.startsWith("mtp.");
    const { values } = await roundTrip(`qwen3-next/${name}`, shapesOf, mappingsOf([...linear].map(Number)), isIgnored);
    expect(Object.keys(tensors).some(isIgnored)).toBe(name === "mtp");
    expect(values["model.norm.weight"]).toEqual(
      Array.from(tensors["model.norm.weight"]!.values, (value) => Math.fround(value + 1)),
    );
  });
});

test("DeepSeek-V3: layers beyond the last one are passed over", async () => {
  const shapesOf = (tensors: Record<string, Values>): Shapes =>
    Object.fromEntries(
      Object.entries(tensors).flatMap(([name, { shape }]) => (isIgnored(name) ? [] : [[name, shape]])),
    );
  const isIgnored = (name: string) => name.startsWith("model.layers.2.");
  const { tensors } = await roundTrip("deepseek-v3/mtp", shapesOf, [ignore("model.layers.2.*")], isIgnored);
  expect(Object.keys(tensors).filter(isIgnored).length).toBeGreaterThan(5);
});
