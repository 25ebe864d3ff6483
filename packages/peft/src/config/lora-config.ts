import {
  type ConfigDefinition,
  type ConfigInput,
  defineConfig,
  int,
  listOf,
  number,
  optional,
  string,
} from "@mixtape/config";
import * as z from "zod";
import { AdapterError } from "../errors.js";
import { type AdapterFields, low, MAX_RANK, offUnlessTrue } from "./fields.js";

const pattern = <T extends z.ZodType>(value: T, what: string) =>
  z
    .record(z.string(), value, { error: `an object of names and ${what}` })
    .nullish()
    .transform((entries) => entries ?? {});

/** Initializations that leave the base as it is: an adapter that started so is all in its file. */
const INITS = [true, false, "gaussian", "orthogonal", "eva", "mica", "lora_ga"] as const;

const NOT_HERE = "it changes how Hugging Face peft makes or places an adapter, not what an adapter computes";

/** Config of a LoRA, rsLoRA or DoRA adapter, with every default filled in. */
export interface LoraConfig extends AdapterFields {
  /** Parameters that are adapted, by the ends of their names, such as `mlp.experts.down_proj`. */
  readonly targetParameters?: readonly string[];
  /** Rescales each row of `W + s·B·A` to a trained magnitude (Liu et al. 2024, https://arxiv.org/abs/2402.09353). */
  readonly useDora: boolean;
  /** true: A uniform in ±1/√in (Kaiming, a = √5), B zero. "gaussian": A normal with deviation 1/r. Others: in files alone. */
  readonly initLoraWeights: (typeof INITS)[number];
  /** Ranks by target: the first key counts that is, as a regular expression, an end of the target's name. */
  readonly rankPattern: Readonly<Record<string, number>>;
  /** Alphas by target, found as ranks are. */
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** Layers that are adapted. Default: all. */
  readonly layersToTransform?: number | readonly number[];
  /** Names, as regular expressions, of the list of layers that `layersToTransform` counts in. Default: any. */
  readonly layersPattern?: string | readonly string[];
  /**
   * Modules of the model that train in full, as copies in the adapter, by the ends of their names: `embed_tokens`, `lm_head`,
   * `norm`, a router.
   */
  readonly modulesToSave?: readonly string[];
  /** In a model whose head is tied to its embedding, makes the copy of one the copy of both. */
  readonly ensureWeightTying: boolean;
  /** Adds a bias to each update. */
  readonly loraBias: boolean;
  /** Tokens whose rows of the embedding the file has, or those of other tables by their names. Loaded files only. */
  readonly trainableTokenIndices?: readonly number[] | Readonly<Record<string, readonly number[]>>;
  /** The model that the adapter was made for: its folder, or its name on the Hub. */
  readonly baseModelNameOrPath?: string;
}

/** `adapter_config.json` of Hugging Face peft, for LoRA, rsLoRA and DoRA. */
export const loraConfig: ConfigDefinition<LoraConfig, ConfigInput<LoraConfig>> = defineConfig({
  file: "adapter_config.json",
  name: "adapter config",
  fields: {
    ...low,
    targetParameters: optional(listOf(string(), "names")),
    useDora: offUnlessTrue(),
    // null is false, as in Python.
    initLoraWeights: z
      .literal([...INITS, null], { error: `one of ${INITS.map((init) => JSON.stringify(init)).join(", ")}` })
      .default(true)
      .transform((init) => init ?? false),
    rankPattern: pattern(int({ max: MAX_RANK }), "ranks"),
    alphaPattern: pattern(number(), "alphas"),
    layersToTransform: optional(z.union([int({ min: 0 }), listOf(int({ min: 0 }), "layers")])),
    layersPattern: optional(z.union([string(), listOf(string(), "names")])),
    modulesToSave: optional(listOf(string(), "names")),
    ensureWeightTying: offUnlessTrue(),
    loraBias: offUnlessTrue(),
    trainableTokenIndices: optional(
      z.union([listOf(int({ min: 0 }), "token ids"), z.record(z.string(), listOf(int({ min: 0 }), "token ids"))], {
        error: "a list of token ids, or an object of such lists",
      }),
    ),
    baseModelNameOrPath: optional(string()),
  },
  allowedValues: { peft_type: ["LORA"] },
  ignored: {
    bias: "biases that were trained are in the file as tensors, which are read",
    peft_version: "it says who wrote the file",
    auto_mapping: "it names Python classes",
    inference_mode: "whether an adapter trains is said in code",
    task_type: "it follows from the model's head",
    revision: "it belongs to the Hub",
    runtime_config: "it is about memory, and peft passes it over in files",
    megatron_config: "it is about training on many machines",
    megatron_core: "it is about training on many machines",
    fan_in_fan_out: "peft sets it to false at linear maps",
    corda_config: NOT_HERE,
    eva_config: NOT_HERE,
    loftq_config: NOT_HERE,
    lora_ga_config: NOT_HERE,
    velora_config: "it changes the backward pass of Hugging Face peft, not what an adapter computes",
    use_qalora: "peft heeds it for GPTQ weights alone",
    qalora_group_size: "peft heeds it for GPTQ weights alone",
  },
});

const MERGE = "Merge the adapter in Hugging Face peft (merge_and_unload), and load the model that it saves";
const CONVERT =
  "Save it from Hugging Face peft as plain LoRA: save_pretrained with path_initial_model_for_weight_conversion";

/** Features of Hugging Face peft that are not here: their keys, and what to do. */
const ABSENT: Readonly<Record<string, { readonly feature: string; readonly fix: string }>> = {
  layer_replication: { feature: "replicated layers", fix: MERGE },
  alora_invocation_tokens: {
    feature: "Activated LoRA, which begins at tokens of the prompt",
    fix: "Run it in Hugging Face peft: it cannot be merged",
  },
  arrow_config: {
    feature: "Arrow, which routes among adapters",
    fix: "Run it in Hugging Face peft: it cannot be merged",
  },
  kasa_config: { feature: "KaSA, which changes the base's weights", fix: MERGE },
  monteclora_config: { feature: "MonteCLoRA", fix: MERGE },
  use_bdlora: { feature: "block-diagonal LoRA", fix: MERGE },
};

/** Options of {@link readLoraConfig}. */
export interface ReadOptions {
  /** The file, for errors. */
  readonly where: string;
  /** Keys to pass over without a warning. */
  readonly ignore: readonly string[];
  /** Called for each key that is ignored. Default: an unknown key is an error. */
  readonly onWarning: ((message: string) => void) | undefined;
}

/**
 * Reads a config as Hugging Face peft 0.21 does: keys that it does not know are passed over, with a warning.
 * @throws {AdapterError} for a feature that is not here
 * @throws {ConfigError} naming the key that has no such value
 */
export function readLoraConfig(
  json: Readonly<Record<string, unknown>>,
  { where, ignore, onWarning }: ReadOptions,
): LoraConfig {
  for (const [key, { feature, fix }] of Object.entries(ABSENT))
    if (isOn(json[key]) && !ignore.includes(key))
      throw new AdapterError({
        where: `${where}: ${key}`,
        expected: `an adapter without ${feature}, which is not done here`,
        got: JSON.stringify(json[key]),
        fix,
      });
  const { init_lora_weights: init } = json;
  if (typeof init === "string" && /^(pissa|olora|corda|loftq)/i.test(init))
    throw new AdapterError({
      where: `${where}: init_lora_weights`,
      expected: "an adapter that leaves the base's weights as they are",
      got: `${JSON.stringify(init)}, which subtracts the first values of the adapter from them`,
      fix: CONVERT,
    });
  const isRead = ([key, value]: [string, unknown]): boolean => {
    if (loraConfig.explain(key) !== undefined) return true;
    if (Object.hasOwn(ABSENT, key) || ignore.includes(key) || !isOn(value)) return false;
    onWarning?.(`${where}: ${JSON.stringify(key)} is no key of Hugging Face peft 0.21. It is passed over, as there`);
    return onWarning === undefined;
  };
  return loraConfig.parse(Object.fromEntries(Object.entries(json).filter(isRead)), { file: where });
}

/** True if a key asks for something: null, false and what is empty do not. */
function isOn(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== false && value !== "";
}
