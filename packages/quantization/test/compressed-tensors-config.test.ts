/** `quantization_config` of checkpoints that are written: its groups and its exclusions, as compressed-tensors reads them. */

import { encodeSafetensors, openSafetensors, type TensorToWrite, viewOfBytes } from "@mixtape/safetensors";
import { expect, test } from "vitest";
import { compressedTensorsConfig, type ModuleScheme } from "../src/encode/compressed-tensors-config.js";
import { packedTensors } from "../src/encode/packed-tensors.js";
import { compileRecipe, type QuantizeOptions } from "../src/encode/recipe.js";
import { quantizedSource } from "../src/quantized-source.js";

const LAYER = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate"];
const EXPERT = ["gate_proj", "up_proj", "down_proj"];
const PATHS = [
  "model.embed_tokens",
  ...[0, 1].flatMap((layer) => [
    ...LAYER.map((name) => `model.layers.${layer}.${name}`),
    ...[0, 1, 2].flatMap((expert) => EXPERT.map((name) => `model.layers.${layer}.mlp.experts.${expert}.${name}`)),
  ]),
  "lm_head",
];

interface Config {
  readonly ignore: string[];
  readonly config_groups: Record<string, { targets: string[]; weights: Record<string, unknown> }>;
}

test("the default recipe: experts by class, the rest by path", () => {
  const { ignore, config_groups: groups } = configOf({});
  expect(ignore).toEqual([String.raw`re:model\.layers\.\d+\.mlp\.gate$`]);
  expect(Object.values(groups).map(({ targets, weights }) => [weights["num_bits"], targets])).toEqual([
    [
      8,
      [
        String.raw`re:model\.embed_tokens$`,
        String.raw`re:model\.layers\.\d+\.self_attn\.o_proj$`,
        "re:lm_head$",
        String.raw`re:model\.layers\.\d+\.self_attn\.(?:q_proj|k_proj|v_proj|qkv_proj)$`,
      ],
    ],
    [4, ["Linear"]],
  ]);
  expect(groups["group_1"]!.weights).toMatchObject({ strategy: "group", group_size: 32, symmetric: true, type: "int" });
});

test("modules of one kind with several schemes are named one by one", () => {
  const rules = [
    { modules: ["layers.1.self_attn"], weights: "none" },
    { modules: ["layers", "lm_head"], weights: "int8" },
  ] as const;
  const { ignore, config_groups: groups } = configOf({ rules, groupSize: "channel" });
  expect(Object.values(groups).map(({ targets }) => targets)).toEqual([["Linear"]]);
  expect(groups["group_0"]!.weights).toMatchObject({ num_bits: 8, strategy: "channel", group_size: null });
  expect(ignore).toEqual([
    String.raw`re:model\.embed_tokens$`,
    ...["q", "k", "v", "o"].map((name) => String.raw`re:model\.layers\.1\.self_attn\.${name}_proj$`),
  ]);
});

test.each<QuantizeOptions>([
  {},
  { embeddings: "none" },
  { weights: "int8", ignore: ["layers.0.mlp.experts.1"] },
  {
    rules: [
      { modules: ["experts.*.down_proj"], weights: "int8", groupSize: 64 },
      { modules: ["experts"], weights: "int4" },
    ],
  },
])("%j: what is written is what is read", async (options) => {
  const recipe = compileRecipe(options);
  const tensors = PATHS.flatMap((path): TensorToWrite[] => {
    const view = viewOfBytes(`${path}.weight`, "BF16", [2, 64], new Uint8Array(256).fill(60));
    const scheme = recipe(path);
    return scheme
      ? packedTensors(path, view, scheme)
      : [{ name: view.name, dtype: "BF16", shape: [2, 64], bytes: () => view.read() }];
  });
  const source = await quantizedSource(await openSafetensors(await encodeSafetensors(tensors)), {
    json: configOf(options) as unknown as Record<string, unknown>,
    where: "config.json: quantization_config",
  });
  expect([...source.names].sort()).toEqual(PATHS.map((path) => `${path}.weight`).sort());
  for (const path of PATHS) {
    const scheme = recipe(path);
    const parameters = source.tensor(`${path}.weight`).quantized?.format.parameters;
    expect([path, parameters?.["bits"], parameters?.["groupSize"]]).toEqual([path, scheme?.bits, scheme?.groupSize]);
  }
});

function configOf(options: QuantizeOptions): Config {
  const recipe = compileRecipe(options);
  const modules: ModuleScheme[] = PATHS.map((module) => ({
    module,
    scheme: recipe(module),
    size: module.includes("experts") ? 1000 : 100,
  }));
  return compressedTensorsConfig(modules) as unknown as Config;
}
