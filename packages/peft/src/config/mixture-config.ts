import { type ConfigOf, count, defineConfig, flag, number, oneOf, optional, text } from "@mixtape/config";
import { low, MAX_EXPERTS } from "./fields.js";

const ROUTERS = ["loramoe", "mola", "mixlora", "mixlora-dynamic", "mixlora-switch"] as const;
const DEFAULT_INIT_RANGE = { loramoe: 5, mola: 5, mixlora: 0.02, "mixlora-dynamic": 0.02, "mixlora-switch": 1 };

/** `adapter_config.json` of MoE-PEFT, for the mixtures, and an entry of its `lora` lists. */
export const mixtureConfig = defineConfig({
  file: "adapter_config.json",
  fields: {
    ...low,
    routingStrategy: oneOf(...ROUTERS),
    numExperts: count({ min: 2, max: MAX_EXPERTS }).default(8),
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
    baseModelNameOrPath: optional(text()),
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
  },
  check: ({ topK, numExperts }, report) => {
    if (topK > numExperts) report("topK", { expected: `at most the number of experts, ${numExperts}`, got: `${topK}` });
  },
});

export type MixtureConfig = ConfigOf<typeof mixtureConfig>;
