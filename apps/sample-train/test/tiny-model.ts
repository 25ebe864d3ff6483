import { readFileSync } from "node:fs";
import { join } from "node:path";
import { familyOf, useEngine } from "@mixtape/mixtape";
import { SAMPLE } from "./command.js";

/** Writes a model of the sample model's kind, and with its tokenizer, that is so small that a run takes its process's time. */
export async function writeTinyModel(folder: string): Promise<string> {
  await useEngine("cpu");
  const read = (name: string): Buffer => readFileSync(join(SAMPLE, name));
  const sizes = {
    hidden_size: 16,
    head_dim: 4,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 16,
    moe_intermediate_size: 8,
    num_hidden_layers: 2,
    num_experts: 4,
    layer_types: ["sliding_attention", "full_attention"],
  };
  const Family = familyOf("afmoe");
  const model = new Family(Family.family.config.parse({ ...JSON.parse(read("config.json").toString()), ...sizes }));
  await model.initialize({ seed: 1, std: 0.1, dtype: "BF16" });
  const files = Object.fromEntries(["tokenizer.json", "tokenizer_config.json"].map((name) => [name, read(name)]));
  await model.savePretrained(folder, { files });
  model.dispose();
  return folder;
}
