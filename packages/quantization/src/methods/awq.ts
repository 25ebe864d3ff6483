import { type Dtype, quantizedView, type TensorSource } from "@mixtape/safetensors";
import { awq } from "../formats/packed-columns.js";
import type { ConfigReader } from "./config-reader.js";
import { companion, FLOATS, modulesWith, payload, refuseExcluded } from "./find-tensors.js";
import type { QuantizationMethod, QuantizedWeight } from "./method.js";
import { pathPatterns } from "./module-patterns.js";

/**
 * AWQ (Lin et al. 2023, https://arxiv.org/abs/2306.00978) as AutoAWQ and GPTQModel write it in version GEMM: `X.qweight`,
 * `X.qzeros`, `X.scales`.
 */
export const awqMethod: QuantizationMethod = {
  names: ["awq"],
  stores: "X.qweight",
  describes: (config) => config.has("w_bit") || config.has("zero_point"),
  *find(tensors, config, savedAs) {
    checkVersion(config);
    const sizeKey = config.has("group_size") ? "group_size" : "q_group_size";
    const groupSize = config.integer(sizeKey, 128, -1);
    if (groupSize === 0) throw config.error(sizeKey, "a positive integer, or -1 for one group");
    const isExcluded = pathPatterns(config.texts("modules_to_not_convert"));
    for (const module of modulesWith(tensors, ".qweight")) {
      if (isExcluded(module)) refuseExcluded(`${module}.qweight`, `${config.where}.modules_to_not_convert`);
      yield awqWeight(tensors, module, groupSize, savedAs);
    }
  },
};

/** Other versions pack words for a kernel of their own. */
function checkVersion(config: ConfigReader): void {
  const bits = config.has("bits") ? "bits" : "w_bit";
  config.oneOf(bits, [4], 4, "AWQ defines 4 bits only");
  for (const key of ["version", "format", "checkpoint_format"]) {
    const version = config.text(key, "gemm");
    if (version.toLowerCase() === "gemm") continue;
    throw config.error(
      key,
      '"gemm"',
      'Quantise the model with version "gemm", or use its GPTQ, compressed-tensors or bfloat16 checkpoint',
    );
  }
}

/** Returns a weight in the layout of version GEMM. @param size of groups; -1 for one of all inputs */
export function awqWeight(tensors: TensorSource, module: string, size: number, savedAs: Dtype): QuantizedWeight {
  const name = (suffix: string): string => `${module}.${suffix}`;
  const weight = payload(tensors, name("qweight"), { dtypes: ["I32"], axes: ["in", "out / 8"] });
  const [columns, words] = weight.shape as [number, number];
  const rows = words * 8;
  const groupSize = size === -1 ? columns : size;
  const groups = Math.ceil(columns / groupSize);
  const fix = `group_size must be that of the checkpoint: ${size} according to its config`;
  const scale = companion(tensors, name("scales"), { dtypes: FLOATS, shapes: [[groups, rows]], fix });
  const zeroPoint = companion(tensors, name("qzeros"), { dtypes: ["I32"], shapes: [[groups, words]], fix });
  const view = quantizedView({
    name: name("weight"),
    shape: [rows, columns],
    savedAs,
    format: awq(groupSize),
    planes: { weight, scale, zeroPoint },
  });
  return { view, tensors: ["qweight", "scales", "qzeros"].map(name) };
}
