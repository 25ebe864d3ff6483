import { readdirSync } from "node:fs";
import { generationConfig } from "@mixtape/config";
import { initialize, parseConfig } from "@mixtape/decoder";
import { useEngine } from "@mixtape/engine";
import { MixtapeError } from "@mixtape/errors";
import {
  type AnyModel,
  type ForCausalLM,
  familyOf,
  generateTokens,
  inspectModel,
  modelClassOf,
} from "@mixtape/mixtape";
import { readJsonFile } from "@mixtape/safetensors";
import { mutateJson } from "../mutate-json.js";
import { asBytes, bytesOf, type Files, type Target, textOf } from "../target.js";
import { forward } from "./adapters.js";

const FIXTURES = "packages/testing/__fixtures__";

/** Small models with other heads. */
const HEADS = ["mixtral/tokens", "qwen3-moe/questions", "afmoe/sequence-multi-label"];
const FAMILIES = ["mixtral", "qwen3-moe", "afmoe", "qwen2-moe", "deepseek-v3", "olmoe", "gpt-oss", "qwen3-next"];
/** Maximum size of models that are built and run. */
const SMALL = 60_000;

/**
 * Mutated configs, of small models and of published ones, inspected beside a file of tensors; small ones run on three
 * tokens.
 */
export const config: Target = {
  name: "config",
  async prepare() {
    const folder = new URL(`../../../../${FIXTURES}/configs/`, import.meta.url);
    const published = readdirSync(folder).filter((name) => name.endsWith(".json"));
    const texts = [
      ...FAMILIES.map((family) => textOf(`${FIXTURES}/models/${family}/basic/config.json`)),
      ...HEADS.map((name) => textOf(`${FIXTURES}/heads/${name}/config.json`)),
      ...published.map((name) => textOf(`${FIXTURES}/configs/${name}`)),
    ];
    await useEngine("cpu");
    const tensors = bytesOf(`${FIXTURES}/models/mixtral/basic/model.safetensors`);
    return {
      make: (random): Files =>
        new Map<string, string | Uint8Array>([
          // Only the small ones can be built and run.
          [
            "config.json",
            mutateJson(
              random.chance(0.8) ? random.pick(texts.slice(0, FAMILIES.length + HEADS.length)) : random.pick(texts),
              random,
            ),
          ],
          ["model.safetensors", tensors],
        ]),
      async read(files) {
        const { parameters } = await inspectModel(asBytes(files));
        if (parameters.total > SMALL) return;
        const { json, where } = await readJsonFile(asBytes(files), "config.json", MixtapeError);
        const model = anyModelOf({ json: json!, where });
        try {
          await initialize(model);
          forward(model);
        } finally {
          model.dispose();
        }
      },
    };
  },
};

interface ConfigFile {
  readonly json: Readonly<Record<string, unknown>>;
  readonly where: string;
}

function modelOf(file: ConfigFile): ForCausalLM {
  const Family = familyOf(file.json.model_type);
  return new Family(parseConfig(Family.family.config, file, { onWarning: () => {} }));
}

/** The model that a config is of, whatever its head. */
function anyModelOf(file: ConfigFile): AnyModel {
  const Model = modelClassOf(file.json, file.where);
  return new Model(parseConfig(Model.family.config, file, { onWarning: () => {} }));
}

/** Mutated generation configs, with which a small model generates two tokens. */
export const generationConfigs: Target = {
  name: "generation config",
  async prepare() {
    await useEngine("cpu");
    const model = modelOf({
      json: { ...(JSON.parse(textOf(`${FIXTURES}/models/mixtral/basic/config.json`)) as object), num_hidden_layers: 1 },
      where: "config.json",
    });
    await initialize(model);
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
        const { json, where } = await readJsonFile(asBytes(files), "generation_config.json", MixtapeError);
        const defaults = generationConfig.parse(json!, { file: where });
        for await (const _ of generateTokens(model, [[1, 2, 3]], { maxNewTokens: 2, defaults }));
      },
    };
  },
};
