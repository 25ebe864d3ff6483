import type { Dtype, TensorSource } from "@mixtape/safetensors";
import { awqWeight } from "./awq.js";
import type { ConfigReader } from "./config-reader.js";
import { modulesWith, refuseExcluded } from "./find-tensors.js";
import { gptqWeight } from "./gptq.js";
import type { QuantizationMethod, QuantizedWeight } from "./method.js";
import { pythonRegex } from "./module-patterns.js";

/** Layouts of integers, and how they store zero points: versions of GPTQ. */
const LAYOUTS = {
  auto_round: "gptq_v2",
  "auto_round:auto_gptq": "gptq",
  "auto_round:gptqmodel": "gptq_v2",
  "auto_round:auto_awq": "awq",
} as const;

interface Scheme {
  /** 16 for modules that are not quantised. */
  readonly bits: number;
  /** -1 for one group of all inputs. */
  readonly groupSize: number;
}

/**
 * Integers of Intel's AutoRound, in the layout of GPTQ or of AWQ. `extra_config` has other settings of modules, by their paths or by
 * regular expressions.
 * Reference: auto-round, `auto_round_extension/torch/qlinear_torch.py` and `qlinear_torch_zp.py`.
 */
export const autoRoundMethod: QuantizationMethod = {
  names: ["auto-round", "auto_round"],
  stores: "X.qweight",
  *find(tensors, config, savedAs) {
    const formats = Object.keys(LAYOUTS) as (keyof typeof LAYOUTS)[];
    const fix = "Use the checkpoint in format auto_gptq, auto_awq or llm_compressor, or in bfloat16";
    const layout = LAYOUTS[config.oneOf("packing_format", formats, "auto_round:auto_gptq", fix)];
    config.oneOf("data_type", ["int"], "int", fix);
    if (layout === "awq") config.oneOf("bits", [4], undefined, fix);
    const common = schemeOf(config);
    const override = config.has("extra_config")
      ? overridesOf(config.object("extra_config"), common, tensors)
      : () => undefined;
    for (const module of modulesWith(tensors, ".qweight")) {
      const scheme = override(module) ?? common;
      if (scheme.bits === 16) refuseExcluded(`${module}.qweight`, `${config.where}.extra_config`);
      yield weightOf(tensors, { module, layout, scheme }, savedAs);
    }
  },
};

function schemeOf(config: ConfigReader, common?: Scheme): Scheme {
  const bits = config.oneOf("bits", [2, 3, 4, 8, ...(common ? [16] : [])], common?.bits);
  const groupSize = config.integer("group_size", common?.groupSize, -1);
  if (groupSize === 0) throw config.error("group_size", "a positive integer, or -1 for one group");
  return { bits, groupSize };
}

/** Returns the scheme of a module: that of its path, else of the first expression that is found in it. */
function overridesOf(
  extra: ConfigReader,
  common: Scheme,
  tensors: TensorSource,
): (module: string) => Scheme | undefined {
  const schemes = new Map(extra.keys.map((key) => [key, schemeOf(extra.object(key), common)]));
  const expressions = extra.keys
    .filter((key) => !tensors.has(`${key}.qweight`) && !tensors.has(`${key}.weight`))
    .map((key) => ({ regex: pythonRegex(key, `${extra.where}[${JSON.stringify(key)}]`), scheme: schemes.get(key) }));
  return (module) => schemes.get(module) ?? expressions.find(({ regex }) => regex.search(module) !== undefined)?.scheme;
}

interface FoundModule {
  readonly module: string;
  readonly layout: (typeof LAYOUTS)[keyof typeof LAYOUTS];
  readonly scheme: Scheme;
}

function weightOf(
  tensors: TensorSource,
  { module, layout, scheme: { bits, groupSize } }: FoundModule,
  savedAs: Dtype,
): QuantizedWeight {
  if (layout === "awq") return awqWeight(tensors, module, groupSize, savedAs);
  const size = groupSize === -1 ? undefined : groupSize;
  return gptqWeight(tensors, module, { bits, groupSize: size, zerosMinusOne: layout === "gptq" }, savedAs);
}
