import { readdirSync } from "node:fs";
import { generationConfig } from "@mixtape/config";
import { MixtapeError } from "@mixtape/errors";
import { inspectModel } from "@mixtape/mixtape";
import { readJsonFile } from "@mixtape/safetensors";
import { mutateJson } from "../mutate-json.js";
import { asBytes, bytesOf, type Files, type Target, textOf } from "../target.js";

const FIXTURES = "packages/testing/__fixtures__";

/** Configs that changed, of small models and of published ones, inspected beside a file of tensors. */
export const config: Target = {
  name: "config",
  async prepare() {
    const folder = new URL(`../../../../${FIXTURES}/configs/`, import.meta.url);
    const published = readdirSync(folder).filter((name) => name.endsWith(".json"));
    const texts = [
      ...["mixtral", "qwen3-moe", "afmoe"].map((family) => textOf(`${FIXTURES}/models/${family}/basic/config.json`)),
      ...published.map((name) => textOf(`${FIXTURES}/configs/${name}`)),
    ];
    const tensors = bytesOf(`${FIXTURES}/models/mixtral/basic/model.safetensors`);
    return {
      make: (random): Files =>
        new Map<string, string | Uint8Array>([
          ["config.json", mutateJson(random.pick(texts), random)],
          ["model.safetensors", tensors],
        ]),
      async read(files) {
        await inspectModel(asBytes(files));
      },
    };
  },
};

/** Generation configs that changed. */
export const generationConfigs: Target = {
  name: "generation config",
  async prepare() {
    const text = JSON.stringify({
      ...(JSON.parse(textOf(`${FIXTURES}/models/mixtral/basic/generation_config.json`)) as object),
      do_sample: true,
      temperature: 0.7,
      top_k: 20,
      top_p: 0.95,
      min_p: 0.1,
      repetition_penalty: 1.1,
      max_new_tokens: 64,
      stop_strings: ["</s>"],
      eos_token_id: [1, 2],
    });
    return {
      make: (random): Files => new Map([["generation_config.json", mutateJson(text, random)]]),
      async read(files) {
        const { json } = await readJsonFile(asBytes(files), "generation_config.json", MixtapeError);
        generationConfig.parse(json);
      },
    };
  },
};
