import {
  bool,
  type ConfigDefinition,
  type ConfigInput,
  defineConfig,
  type HiddenAct,
  hiddenAct,
  int,
  number,
  oneOf,
  optional,
  string,
} from "@mixtape/config";
import { type AdapterFields, low, MAX_EXPERTS } from "./fields.js";

const ROUTERS = ["loramoe", "mola", "mixlora", "mixlora-dynamic", "mixlora-switch"] as const;
const DEFAULT_INIT_RANGE = { loramoe: 5, mola: 5, mixlora: 0.02, "mixlora-dynamic": 0.02, "mixlora-switch": 1 };

/** Config of a mixture of LoRA experts, with every default filled in. */
export interface MixtureConfig extends AdapterFields {
  /** Kind of the mixture. */
  readonly routingStrategy: (typeof ROUTERS)[number];
  /** Number of LoRA experts. */
  readonly numExperts: number;
  /** Number of experts that a token goes to: MoLA and MixLoRA. */
  readonly topK: number;
  /** MixLoRA-dynamic: the likeliest experts up to this much probability, the one that exceeds it included. */
  readonly topP: number;
  /** MixLoRA-dynamic: divides the experts' probabilities, in their weights and before `topP` is compared; 0 for none. */
  readonly temperature: number;
  /** MixLoRA-switch: number of tokens of a sequence that an expert takes. */
  readonly expertCapacity: number;
  /** ε: in training, the router's input is multiplied by noise from U(1 − ε, 1 + ε). */
  readonly jitterNoise: number;
  /** MixLoRA-switch: dropout of the experts' output. */
  readonly ffnDropout: number;
  /** Standard deviation, or bound, of the router's initial values. */
  readonly routerInitRange: number;
  /** True if the router's auxiliary loss is part of the loss. */
  readonly routerLoss: boolean;
  /** Load balancing loss coefficient. */
  readonly routerAuxLossCoef: number;
  /** Router z-loss coefficient, of MixLoRA-switch. */
  readonly routerZLossCoef: number;
  /** Initialization of A: Kaiming uniform ("original") or normal ("gaussian"). */
  readonly loraInit: "original" | "gaussian";
  /** Activation of MixLoRA's feed-forwards, which has to be the model's. */
  readonly actFn?: HiddenAct;
  /** The model that the adapter was made for: its folder, or its name on the Hub. */
  readonly baseModelNameOrPath?: string;
}

/** `adapter_config.json` of MoE-PEFT, for the mixtures, and an entry of its `lora` lists. */
export const mixtureConfig: ConfigDefinition<MixtureConfig, ConfigInput<MixtureConfig>> = defineConfig({
  file: "adapter_config.json",
  name: "adapter config",
  fields: {
    ...low,
    routingStrategy: oneOf(...ROUTERS),
    numExperts: int({ min: 2, max: MAX_EXPERTS }).default(8),
    topK: int().default(2),
    topP: number({ above: 0, max: 1 }).default(0.8),
    temperature: number({ min: 0 }).default(0),
    expertCapacity: int().default(32),
    jitterNoise: optional(number({ min: 0, below: 1 })),
    ffnDropout: number({ min: 0, below: 1 }).default(0),
    routerInitRange: optional(number({ min: 0 })),
    routerLoss: optional(bool()),
    routerAuxLossCoef: number({ min: 0 }).default(0.001),
    routerZLossCoef: number({ min: 0 }).default(0.001),
    loraInit: oneOf("original", "gaussian").default("original"),
    actFn: optional(hiddenAct()),
    baseModelNameOrPath: optional(string()),
  },
  derive: ({ routingStrategy, jitterNoise, routerInitRange, routerLoss }) => ({
    jitterNoise: jitterNoise ?? (routingStrategy === "mixlora-switch" ? 0.01 : 0),
    routerInitRange: routerInitRange ?? DEFAULT_INIT_RANGE[routingStrategy],
    routerLoss: routerLoss ?? routingStrategy.startsWith("mixlora"),
  }),
  allowedValues: {
    peft_type: ["MIXLORA", "LORAMOE", "MOLA"],
    bias: ["none"],
    use_dora: [false],
    expert_lora: [null],
  },
  ignored: {
    name: "the caller names an adapter",
    task_name: "the head belongs to the model",
    task_type: "the head belongs to the model",
    sparse_step: "MoE-PEFT keeps it and does not read it",
  },
  check: ({ topK, numExperts }, report) => {
    if (topK > numExperts) report("topK", { expected: `at most the number of experts, ${numExperts}`, got: `${topK}` });
  },
});
