import { type Dtype, quantizedView, type TensorSource } from "@mixtape/safetensors";
import { gptq } from "../formats/packed-columns.js";
import type { ConfigReader } from "./config-reader.js";
import { companion, FLOATS, modulesWith, payload, present, refuseExcluded } from "./find-tensors.js";
import type { QuantizationMethod, QuantizedWeight } from "./method.js";
import { pythonRegex } from "./module-patterns.js";

/**
 * GPTQ (Frantar et al. 2022, https://arxiv.org/abs/2210.17323) as GPTQModel, AutoGPTQ and optimum write it: `X.qweight`,
 * `X.qzeros`, `X.scales`, `X.g_idx`, in version 1 or 2. `dynamic` overrides the config of modules by regular expressions.
 */
export const gptqMethod: QuantizationMethod = {
  names: ["gptq"],
  stores: "X.qweight",
  describes: (config) => config.has("desc_act") || config.has("checkpoint_format"),
  *find(tensors, config, savedAs) {
    for (const key of ["rotation", "adapter"])
      if (config.has(key)) throw config.error(key, "none", "Use a version of the checkpoint without it");
    const common = schemeOf(config);
    const overrides = config.has("dynamic") ? overridesOf(config.object("dynamic"), common) : [];
    for (const module of modulesWith(tensors, ".qweight")) {
      const override = overrides.find(({ matches }) => matches(module));
      if (override?.scheme === undefined && override) refuseExcluded(`${module}.qweight`, override.where);
      yield gptqWeight(tensors, module, override?.scheme ?? common, savedAs);
    }
  },
};

/** Quantisation of a module. */
export interface GptqScheme {
  readonly bits: number;
  /** Undefined for one group of all inputs. */
  readonly groupSize: number | undefined;
  readonly zerosMinusOne: boolean;
}

const CONVERT = "Save the model again in format gptq, or use a checkpoint in bfloat16";

/** Reads a scheme, or overrides of one. */
function schemeOf(config: ConfigReader, common?: GptqScheme): GptqScheme {
  const bits = config.oneOf("bits", [2, 3, 4, 8], common?.bits, CONVERT);
  config.oneOf("pack_dtype", ["int32"], "int32", CONVERT);
  config.oneOf("is_marlin_format", [false], false, CONVERT);
  const formatKey = config.has("checkpoint_format") ? "checkpoint_format" : "format";
  const version = config.oneOf(
    formatKey,
    ["gptq", "gptq_v2"],
    common?.zerosMinusOne === false ? "gptq_v2" : "gptq",
    CONVERT,
  );
  const size = config.integer("group_size", common ? (common.groupSize ?? -1) : undefined, -1);
  if (size === 0) throw config.error("group_size", "a positive integer, or -1 for one group");
  return { bits, groupSize: size === -1 ? undefined : size, zerosMinusOne: version === "gptq" };
}

interface Override {
  readonly where: string;
  readonly matches: (module: string) => boolean;
  /** Undefined for modules that are not quantised. */
  readonly scheme: GptqScheme | undefined;
}

/** Reads `dynamic`: patterns, the first of which applies; `-:` before one excludes its modules. */
function overridesOf(dynamic: ConfigReader, common: GptqScheme): Override[] {
  return dynamic.keys.map((key) => {
    const where = `${dynamic.where}[${JSON.stringify(key)}]`;
    const regex = pythonRegex(key.replace(/^[+-]:/, ""), where);
    const scheme = key.startsWith("-:") ? undefined : schemeOf(dynamic.object(key), common);
    return { where, matches: (module) => regex.match(module) !== undefined, scheme };
  });
}

/** Returns a weight in the layout of GPTQ. */
export function gptqWeight(tensors: TensorSource, module: string, scheme: GptqScheme, savedAs: Dtype): QuantizedWeight {
  const { bits, zerosMinusOne } = scheme;
  const name = (suffix: string): string => `${module}.${suffix}`;
  const weight = payload(tensors, name("qweight"), { dtypes: ["I32"], axes: [`in · ${bits} / 32`, "out"] });
  const [words, rows] = weight.shape as [number, number];
  const columns = Math.floor((words * 32) / bits);
  const groupSize = scheme.groupSize ?? columns;
  const groups = Math.ceil(columns / groupSize);
  const fix = `bits and group_size must be those of the checkpoint: ${bits} and ${scheme.groupSize ?? -1} according to its config`;
  const scale = companion(tensors, name("scales"), { dtypes: FLOATS, shapes: [[groups, rows]], fix });
  const zeroShape = [groups, Math.ceil((rows * bits) / 32)];
  const zeroPoint = companion(tensors, name("qzeros"), { dtypes: ["I32"], shapes: [zeroShape], fix });
  const hasGroupIndex = tensors.has(name("g_idx"));
  const planes = { weight, scale, zeroPoint };
  const groupIndex =
    hasGroupIndex && companion(tensors, name("g_idx"), { dtypes: ["I32", "I64"], shapes: [[columns]], fix });
  const view = quantizedView({
    name: name("weight"),
    shape: [rows, columns],
    savedAs,
    format: gptq({ bits, groupSize, zerosMinusOne, hasGroupIndex }),
    planes: groupIndex ? { ...planes, groupIndex } : planes,
  });
  return { view, tensors: present(tensors, module, ["qweight", "scales", "qzeros", "g_idx"]) };
}
