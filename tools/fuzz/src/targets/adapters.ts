import { useEngine } from "@mixtape/engine";
import { type ForCausalLM, loadModel } from "@mixtape/mixtape";
import { loadAdapter } from "@mixtape/peft";
import { tidy } from "@tensorflow/tfjs-core";
import { adapter } from "../grammar-adapter.js";
import { regex } from "../grammar-regex.js";
import { mutateBytes } from "../mutate-bytes.js";
import { mutateJson } from "../mutate-json.js";
import { asBytes, bytesOf, type Files, type Target, textOf } from "../target.js";

const FIXTURES = "packages/testing/__fixtures__";
const METHODS = ["lora-attention", "dora-attention", "rslora-all", "loramoe", "mixlora-switch"];
/** Number of adapters after which the model is created again. */
const MOST = 100;

/** Mutates the configs and tensors of adapters, on a small model, which then runs with them. */
export const adapters: Target = {
  name: "adapters",
  async prepare() {
    await useEngine("cpu");
    const all = METHODS.map((method) => {
      const folder = `${FIXTURES}/adapters/mixtral/${method}`;
      return {
        config: textOf(`${folder}/adapter_config.json`),
        tensors: bytesOf(`${folder}/adapter_model.safetensors`),
      };
    });
    let model: ForCausalLM | undefined;
    let loaded = 0;
    return {
      make(random): Files {
        const isMade = random.chance(0.5);
        const { config, tensors } = isMade ? adapter(random) : random.pick(all);
        if (isMade && random.chance(0.6)) return filesOf(config, tensors);
        const isPattern = random.chance(0.2);
        const pattern = { ...(JSON.parse(config) as object), target_modules: regex(random) };
        const text = isPattern ? JSON.stringify(pattern) : random.chance(0.8) ? mutateJson(config, random) : config;
        return filesOf(text, random.chance(0.2) ? mutateBytes(tensors, random) : tensors);
      },
      async read(files) {
        if (loaded >= MOST) {
          model?.dispose();
          model = undefined;
        }
        if (model === undefined) {
          model = await loadModel(smallModel());
          loaded = 0;
        }
        const name = `adapter${loaded++}`;
        await loadAdapter(model, asBytes(files), { name, onWarning: () => {} });
        forward(model);
      },
    };
  },
};

function filesOf(config: string, tensors: Uint8Array): Files {
  return new Map<string, string | Uint8Array>([
    ["adapter_config.json", config],
    ["adapter_model.safetensors", tensors],
  ]);
}

/** Runs a model on a few tokens. */
export function forward(model: { forward(inputs: { readonly inputIds: number[][] }): object }): void {
  tidy(() => {
    model.forward({ inputIds: [[1, 2, 3]] });
  });
}

/** Creates a model of three layers, in memory. */
export function smallModel(): Map<string, Uint8Array> {
  const folder = `${FIXTURES}/models/mixtral/basic`;
  return new Map(["config.json", "model.safetensors"].map((name) => [name, bytesOf(`${folder}/${name}`)]));
}
