import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AfmoeForCausalLM } from "@mixtape/afmoe";
import type { ForCausalLM } from "@mixtape/decoder";
import { MixtralForCausalLM } from "@mixtape/mixtral";
import { Qwen3MoeForCausalLM } from "@mixtape/qwen3-moe";
import { openSafetensors, toFloat32 } from "@mixtape/safetensors";
import { fixture, type Golden, readGolden, type Values } from "@mixtape/testing";

/** An adapter that the reference has saved, with what it computes. */
export interface GoldenAdapter {
  /** `mixtral/lora-attention` */
  readonly name: string;
  readonly folder: string;
  /** Whether it is by the formulas in `tools/reference`, not by Hugging Face peft. */
  readonly isMixture: boolean;
  readonly about: {
    /** The checkpoint that it belongs to. */
    readonly model: string;
    /** False where it cannot be made part of the model's weights. */
    readonly merges?: boolean;
    readonly adamw?: { lr: number; betas: [number, number]; eps: number; weight_decay: number };
    readonly batches?: number[][][];
    readonly losses?: number[];
  };
}

export const goldenAdapters: readonly GoldenAdapter[] = readdirSync(fixture("adapters"), { withFileTypes: true })
  .filter((family) => family.isDirectory())
  .flatMap(({ name: family }) => readdirSync(fixture(`adapters/${family}`)).map((name) => `${family}/${name}`))
  .sort()
  .map((name) => {
    const folder = fixture(`adapters/${name}`);
    const config = JSON.parse(readFileSync(join(folder, "adapter_config.json"), "utf8"));
    return {
      name,
      folder,
      isMixture: config.peft_type !== "LORA",
      about: JSON.parse(readFileSync(join(folder, "case.json"), "utf8")),
    };
  });

/** Adapters as peft saved them for transformers 4, with what they compute. */
export const adaptersOfTransformers4: readonly Pick<GoldenAdapter, "name" | "folder" | "about">[] = readdirSync(
  fixture("adapters-v4"),
)
  .flatMap((family) => readdirSync(fixture(`adapters-v4/${family}`)).map((name) => `${family}/${name}`))
  .map((name) => {
    const folder = fixture(`adapters-v4/${name}`);
    return { name, folder, about: JSON.parse(readFileSync(join(folder, "case.json"), "utf8")) };
  });

/** The tensors of a golden file. */
export async function readTensors(path: string): Promise<Map<string, Values>> {
  const file = await openSafetensors(path);
  try {
    const tensors = new Map<string, Values>();
    for (const name of file.names) {
      const view = file.tensor(name);
      tensors.set(name, { shape: view.shape, values: toFloat32(await view.read(), view.dtype) });
    }
    return tensors;
  } finally {
    await file.close();
  }
}

const LOADERS: Record<string, (folder: string) => Promise<ForCausalLM>> = {
  mixtral: (folder) => MixtralForCausalLM.fromPretrained(folder),
  "qwen3-moe": (folder) => Qwen3MoeForCausalLM.fromPretrained(folder),
  afmoe: (folder) => AfmoeForCausalLM.fromPretrained(folder),
};

/** A golden checkpoint, such as `mixtral/basic`, and what goes into it. */
export async function loadGoldenModel(name: string): Promise<{ model: ForCausalLM; golden: Golden }> {
  const folder = fixture(`models/${name}`);
  return { model: await LOADERS[name.split("/")[0]!]!(folder), golden: await readGolden(folder) };
}
