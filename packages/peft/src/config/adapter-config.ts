import type { ConfigInput } from "@mixtape/config";
import { checkOptions } from "@mixtape/errors";
import { AdapterError } from "../errors.js";
import { type LoraConfig, loraConfig, readLoraConfig } from "./lora-config.js";
import { type MixtureConfig, mixtureConfig } from "./mixture-config.js";

export type { Targets } from "./fields.js";
export { type LoraConfig, loraConfig } from "./lora-config.js";
export type { MixtureConfig } from "./mixture-config.js";

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

/** A LoRA, rsLoRA or DoRA adapter: its method, and the fields that differ from their defaults. */
export interface LoraConfigInput extends ConfigInput<LoraConfig> {
  /** `rslora` and `dora` are `lora` with `useRslora` and `useDora`. */
  readonly method: "lora" | "rslora" | "dora";
}

/** A mixture of LoRA experts: its method, and the fields that differ from their defaults. */
export interface MixtureConfigInput extends Omit<ConfigInput<MixtureConfig>, "routingStrategy"> {
  /** Kind of the mixture. */
  readonly method: MixtureConfig["routingStrategy"];
}

/** Config of an adapter as {@link adapterConfig} and `applyAdapter` take it. */
export type AdapterConfigInput = LoraConfigInput | MixtureConfigInput;

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
  if (typeof input !== "object" || input === null)
    throw new AdapterError({
      where: "applyAdapter",
      expected: 'a config, such as { method: "lora", r: 8, targetModules: ["q_proj"] }',
      got: typeof input === "string" ? JSON.stringify(input) : String(input),
    });
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

/** Options of {@link readAdapterConfig}. */
export interface ReadAdapterConfigOptions {
  /** The file, for errors. Default `adapter_config.json`. */
  readonly where?: string;
  /** Unknown keys to ignore that do not change the adapter's output. */
  readonly ignore?: readonly string[];
  /** Called for each key of a LoRA's config that Hugging Face peft does not know either. Default: such a key is an error. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Reads a config in Hugging Face peft's keys or in MoE-PEFT's, which `peft_type` or `routing_strategy` tells apart.
 * @throws {OptionError} for an option that it does not know
 * @throws {AdapterError} for a type of adapter or a feature that is not here
 * @throws {ConfigError} naming the key
 */
export function readAdapterConfig(
  json: Readonly<Record<string, unknown>>,
  options: ReadAdapterConfigOptions = {},
): AdapterConfig {
  checkOptions("readAdapterConfig", options, { where: true, ignore: true, onWarning: true });
  const { where = "adapter_config.json", ignore = [], onWarning } = options;
  const { peft_type: type = "LORA", routing_strategy: strategy } = json;
  if (strategy === undefined) {
    if (type !== "LORA") throw unknownType(where, type);
    return { ...readLoraConfig(json, { where, ignore, onWarning }), method: "lora" };
  }
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

/** Types of adapters that Hugging Face peft 0.21 cannot merge into a model. */
const UNMERGEABLE = ["PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING", "ADAPTION_PROMPT", "CPT"];

function unknownType(where: string, type: unknown): AdapterError {
  const merge = "Merge it in Hugging Face peft (merge_and_unload), and load the model that it saves";
  return new AdapterError({
    where: `${where}: peft_type`,
    expected: `"LORA", or a mixture of MoE-PEFT`,
    got: JSON.stringify(type),
    fix: UNMERGEABLE.some((known) => known === type)
      ? "It cannot be merged into a model: run it in Hugging Face peft"
      : merge,
  });
}
