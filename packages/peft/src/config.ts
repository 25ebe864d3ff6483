import {
  type ConfigDefinition,
  type ConfigOf,
  count,
  defineConfig,
  flag,
  listOf,
  number,
  oneOf,
  optional,
  text,
} from "@mixtape/config";
import { checkOptions } from "@mixtape/errors";
import * as z from "zod";
import { AdapterError } from "./errors.js";

/** The kinds of adapters. `rslora` and `dora` are `lora` with `useRslora` and `useDora`. */
export const METHODS = [
  "lora",
  "rslora",
  "dora",
  "loramoe",
  "mola",
  "mixlora",
  "mixlora-dynamic",
  "mixlora-switch",
] as const;
/** The kind of an adapter: one of {@link METHODS}. */
export type Method = (typeof METHODS)[number];

/** What is adapted: ends of names of linear maps, a regular expression for whole names, or all. See {@link sitesOf}. */
export type Targets = string | readonly string[];

const targets = () => {
  const what = 'a list of names, a regular expression or "all-linear"';
  const ticked = z
    .record(z.string(), z.boolean())
    .transform((ticks) => Object.keys(ticks).filter((name) => ticks[name]));
  return z.union([z.string(), listOf(text(), "names"), ticked], { error: what });
};
const pattern = <T extends z.ZodType>(value: T, what: string) =>
  z.record(z.string(), value, { error: `an object of names and ${what}` }).default({});

const low = {
  /** Rank. */
  r: count().default(8),
  loraAlpha: number({ above: 0 }).default(8),
  /** How often a number of the input is left out in training. */
  loraDropout: number({ min: 0, below: 1 }).default(0),
  targetModules: optional(targets()),
  excludeModules: optional(targets()),
  /** Scale by α/√r in place of α/r (Kalajdzievski 2023, https://arxiv.org/abs/2312.03732). */
  useRslora: flag().default(false),
};

const NOT_HERE = "it changes how Hugging Face peft makes or places an adapter, not what an adapter computes";

/** `adapter_config.json` of Hugging Face peft, for LoRA, rsLoRA and DoRA. */
export const loraConfig = defineConfig({
  file: "adapter_config.json",
  fields: {
    ...low,
    targetParameters: optional(listOf(text(), "names")),
    /** Scale the columns of the sum to a magnitude that is trained (Liu et al. 2024, https://arxiv.org/abs/2402.09353). */
    useDora: flag().default(false),
    /** true: A uniform in ±1/√in (Kaiming, a = √5), B zero. "gaussian": A normal with deviation 1/r. */
    initLoraWeights: z.union([z.literal(true), z.literal("gaussian")], { error: 'true or "gaussian"' }).default(true),
    rankPattern: pattern(count(), "ranks"),
    alphaPattern: pattern(number({ above: 0 }), "alphas"),
    layersToTransform: optional(z.union([count({ min: 0 }), listOf(count({ min: 0 }), "layers")])),
    baseModelNameOrPath: optional(text()),
  },
  fixed: {
    peft_type: ["LORA"],
    bias: ["none"],
    lora_bias: [false],
    fan_in_fan_out: [false],
    modules_to_save: [null, []],
    layer_replication: [null],
    layers_pattern: [null, []],
    trainable_token_indices: [null],
    alora_invocation_tokens: [null],
    arrow_config: [null],
    kasa_config: [null],
    monteclora_config: [null],
    velora_config: [null],
    use_qalora: [false],
    use_bdlora: [null, false],
  },
  ignored: {
    peft_version: "it says who wrote the file",
    auto_mapping: "it names Python classes",
    inference_mode: "whether an adapter trains is said in code",
    task_type: "the head belongs to the model",
    revision: "it belongs to the Hub",
    megatron_config: "it is about training on many machines",
    megatron_core: "it is about training on many machines",
    ensure_weight_tying: NOT_HERE,
    corda_config: NOT_HERE,
    eva_config: NOT_HERE,
    loftq_config: NOT_HERE,
    lora_ga_config: NOT_HERE,
    qalora_group_size: "QA-LoRA is off",
  },
});

const ROUTERS = ["loramoe", "mola", "mixlora", "mixlora-dynamic", "mixlora-switch"] as const;
const DEFAULT_INIT_RANGE = { loramoe: 5, mola: 5, mixlora: 0.02, "mixlora-dynamic": 0.02, "mixlora-switch": 1 };

/** `adapter_config.json` of MoE-PEFT, for the mixtures, and an entry of its `lora` lists. */
export const mixtureConfig = defineConfig({
  file: "adapter_config.json",
  fields: {
    ...low,
    routingStrategy: oneOf(...ROUTERS),
    numExperts: count({ min: 2 }).default(8),
    /** How many experts a token goes to: MoLA and MixLoRA. */
    topK: count().default(2),
    /** MixLoRA-dynamic: the likeliest experts up to this much probability, the one that exceeds it included. */
    topP: number({ above: 0, max: 1 }).default(0.8),
    /** MixLoRA-dynamic: what the logits are divided by; 0 for none. */
    temperature: number({ min: 0 }).default(0),
    /** MixLoRA-switch: how many tokens of a sequence an expert takes. */
    expertCapacity: count().default(32),
    /** How far the router's input is moved in training, times U(1 − ε, 1 + ε). */
    jitterNoise: optional(number({ min: 0, below: 1 })),
    /** MixLoRA-switch: dropout of what the experts give. */
    ffnDropout: number({ min: 0, below: 1 }).default(0),
    /** How the router starts. */
    routerInitRange: optional(number({ min: 0 })),
    /** Whether the router's auxiliary loss is part of the loss. */
    routerLoss: optional(flag()),
    routerAuxLossCoef: number({ min: 0 }).default(0.001),
    routerZLossCoef: number({ min: 0 }).default(0.001),
    loraInit: oneOf("original", "gaussian").default("original"),
  },
  derive: ({ routingStrategy, jitterNoise, routerInitRange, routerLoss }) => ({
    jitterNoise: jitterNoise ?? (routingStrategy === "mixlora-switch" ? 0.01 : 0),
    routerInitRange: routerInitRange ?? DEFAULT_INIT_RANGE[routingStrategy],
    routerLoss: routerLoss ?? routingStrategy.startsWith("mixlora"),
  }),
  fixed: {
    peft_type: ["MIXLORA", "LORAMOE", "MOLA"],
    bias: ["none"],
    use_dora: [false],
    expert_lora: [null],
    act_fn: [null],
    sparse_step: [null],
  },
  ignored: {
    name: "the caller names an adapter",
    task_name: "the head belongs to the model",
    base_model_name_or_path: "the caller has the model",
  },
  check: ({ topK, numExperts }, report) => {
    if (topK > numExperts) report("topK", { expected: `at most the number of experts, ${numExperts}`, got: `${topK}` });
  },
});

export type LoraConfig = ConfigOf<typeof loraConfig>;
export type MixtureConfig = ConfigOf<typeof mixtureConfig>;

type InputOf<D> = D extends ConfigDefinition<object, infer I> ? I : never;

/** What an adapter is asked for with: a method, and what differs from its defaults. */
export type AdapterConfigInput =
  | ({ readonly method: "lora" | "rslora" | "dora" } & InputOf<typeof loraConfig>)
  | ({ readonly method: Exclude<Method, "lora" | "rslora" | "dora"> } & Omit<
      InputOf<typeof mixtureConfig>,
      "routingStrategy"
    >);

/** A complete config of an adapter. */
export type AdapterConfig =
  | (LoraConfig & { readonly method: "lora" })
  | (MixtureConfig & { readonly method: MixtureConfig["routingStrategy"] });

/**
 * Fills in what is left out.
 * @throws {AdapterError} for an unknown method
 * @throws {ConfigError} naming the field: a rank of 0, a dropout of 1, a key that nothing knows
 */
export function adapterConfig(input: AdapterConfigInput): AdapterConfig {
  const { method, ...fields } = input;
  switch (method) {
    case "lora":
    case "rslora":
    case "dora": {
      const asked = { ...(method === "rslora" && { useRslora: true }), ...(method === "dora" && { useDora: true }) };
      return { ...loraConfig.create({ ...fields, ...asked }), method: "lora" };
    }
    case "loramoe":
    case "mola":
    case "mixlora":
    case "mixlora-dynamic":
    case "mixlora-switch":
      return { ...mixtureConfig.create({ ...fields, routingStrategy: method }), method };
    default:
      throw unknownMethod("applyAdapter", method);
  }
}

/**
 * Reads a config in Hugging Face peft's keys or in MoE-PEFT's, which `peft_type` or `routing_strategy` tells apart.
 * @param options.where the file, for errors
 * @param options.ignore keys that nothing here knows and that do not change what the adapter computes
 * @throws {OptionError} for an option that it does not know
 * @throws {AdapterError} for a method that is not here
 * @throws {ConfigError} naming the key
 */
export function readAdapterConfig(
  json: Readonly<Record<string, unknown>>,
  options: { readonly where?: string; readonly ignore?: readonly string[] } = {},
): AdapterConfig {
  checkOptions("readAdapterConfig", options, { where: true, ignore: true });
  const { where = "adapter_config.json", ignore = [] } = options;
  const { peft_type: type = "LORA", routing_strategy: strategy } = json;
  if (strategy === undefined && type !== "LORA") throw unknownMethod(`${where}: peft_type`, type);
  if (strategy === undefined) return { ...loraConfig.parse(json, { file: where, ignore }), method: "lora" };
  const config = mixtureConfig.parse(json, { file: where, ignore });
  return { ...config, method: config.routingStrategy };
}

/** A mixture's config in MoE-PEFT's keys. */
export function writeMixtureConfig({
  method,
  ...config
}: Extract<AdapterConfig, MixtureConfig>): Record<string, unknown> {
  const type = { loramoe: "LORAMOE", mola: "MOLA" }[method as string] ?? "MIXLORA";
  return { peft_type: type, bias: "none", ...mixtureConfig.toJSON(config) };
}

function unknownMethod(where: string, method: unknown): AdapterError {
  return new AdapterError({ where, expected: `one of ${METHODS.join(", ")}`, got: JSON.stringify(method) });
}
