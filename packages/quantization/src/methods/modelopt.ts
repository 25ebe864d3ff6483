import { type Dtype, quantizedView, type TensorSource } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";
import { tiled } from "../formats/tiled.js";
import type { ConfigReader } from "./config-reader.js";
import { companion, modulesWith, payload, present, refuseExcluded } from "./find-tensors.js";
import { fp8Weight } from "./fp8.js";
import type { QuantizationMethod, QuantizedWeight } from "./method.js";
import { pathPatterns } from "./module-patterns.js";
import { scalarView, viewWithDtype } from "./recast-view.js";

/** Algorithms whose weights are FP8 or FP4. */
const ALGORITHMS = [
  "NVFP4",
  "W4A16_NVFP4",
  "NVFP4_AWQ",
  "FP8",
  "FP8_PER_CHANNEL_PER_TOKEN",
  "FP8_PB_WO",
  "MXFP8",
  "MIXED_PRECISION",
] as const;

/**
 * Checkpoints of NVIDIA's ModelOpt: NVFP4 as `X.weight`, `X.weight_scale` and `X.weight_scale_2`, which multiplies, and FP8. The config
 * is `quantization_config`, or `hf_quant_config.json` with other names of the keys.
 * Reference: compressed_tensors, `entrypoints/convert/converters/modelopt_nvfp4.py`.
 */
export const modeloptMethod: QuantizationMethod = {
  names: ["modelopt", "modelopt_fp4", "modelopt_mixed"],
  stores: "X.weight_scale",
  describes: (config) => config.has("quant_algo") || config.has("producer"),
  *find(tensors, outer, savedAs) {
    const config = outer.has("quantization") ? outer.object("quantization") : outer;
    const algorithm = config.oneOf(
      "quant_algo",
      ALGORITHMS,
      undefined,
      "Use a checkpoint in one of these, or in bfloat16",
    );
    const isMixed = algorithm === "MIXED_PRECISION";
    const exclusions = (["ignore", "exclude_modules"] as const).map((key) => {
      return { key: `${config.where}.${key}`, matches: pathPatterns(config.texts(key)) };
    });
    for (const module of modulesWith(tensors, ".weight_scale")) {
      const name = `${module}.weight`;
      const exclusion = exclusions.find(({ matches }) => matches(module));
      if (exclusion) refuseExcluded(name, exclusion.key);
      if (!tensors.has(name))
        throw new QuantizationError({
          where: `${module}.weight_scale`,
          expected: `${name} beside it`,
          got: "no such tensor",
          fix: "The checkpoint is incomplete",
        });
      const isFp4 = isMixed ? tensors.has(`${module}.weight_scale_2`) : algorithm.includes("NVFP4");
      if (isFp4) yield nvfp4Weight(tensors, module, config, savedAs);
      else yield fp8Weight(tensors, { name, scaleName: `${module}.weight_scale`, tile: tileOf(algorithm) }, savedAs);
    }
  },
};

/** Returns the tile of FP8; undefined for a scale per row or matrix. */
function tileOf(algorithm: string): readonly [number, number] | undefined {
  if (algorithm === "MXFP8") return [1, 32];
  return algorithm === "FP8_PB_WO" ? [128, 128] : undefined;
}

function nvfp4Weight(tensors: TensorSource, module: string, config: ConfigReader, savedAs: Dtype): QuantizedWeight {
  const name = (suffix: string): string => `${module}.${suffix}`;
  const groupSize = config.integer("group_size", 16);
  const packed = payload(tensors, name("weight"), { dtypes: ["U8", "I8", "F4"], axes: ["out", "in / 2"] });
  const [rows, width] = packed.shape as [number, number];
  const columns = packed.dtype === "F4" ? width : width * 2;
  const scale = companion(tensors, name("weight_scale"), {
    dtypes: ["F8_E4M3"],
    shapes: [[rows, Math.ceil(columns / groupSize)]],
    fix: `group_size must be that of the checkpoint: ${groupSize} according to its config`,
  });
  const globalScale = scalarView(
    companion(tensors, name("weight_scale_2"), { dtypes: ["F32", "BF16", "F16"], shapes: [[], [1]] }),
  );
  const view = quantizedView({
    name: name("weight"),
    shape: [rows, columns],
    savedAs,
    format: tiled({ name: "nvfp4", tile: [1, groupSize], globalScale: "multiplies" }),
    planes: { weight: viewWithDtype(packed, "F4", [rows, columns]), scale, globalScale },
  });
  const others = present(tensors, module, ["input_scale", "pre_quant_scale"]);
  if (others.includes(name("pre_quant_scale")))
    throw new QuantizationError({
      where: name("pre_quant_scale"),
      expected: "weights that are used as they are",
      got: "a scale of their inputs",
      fix: "Use a checkpoint whose quant_algo is NVFP4",
    });
  return { view, tensors: [...["weight", "weight_scale", "weight_scale_2"].map(name), ...others] };
}
