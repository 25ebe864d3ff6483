import type { TensorSource } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";
import { packedWeight, smallFloatWeight, tiledWeight } from "./compressed-weights.js";
import type { ConfigReader } from "./config-reader.js";
import { modulesWith, refuseExcluded } from "./find-tensors.js";
import type { QuantizationMethod } from "./method.js";
import { isModulePattern, modulePatterns } from "./module-patterns.js";

const FORMATS = {
  "pack-quantized": packedWeight,
  "int-quantized": tiledWeight,
  "float-quantized": tiledWeight,
  "naive-quantized": tiledWeight,
  "mxfp8-quantized": tiledWeight,
  "nvfp4-pack-quantized": smallFloatWeight,
  "mxfp4-pack-quantized": smallFloatWeight,
  "mxfp6-pack-quantized": smallFloatWeight,
} as const;

type Format = keyof typeof FORMATS;

/** Modules that are quantised alike: one of `config_groups`. */
interface Scheme {
  readonly format: Format;
  readonly weights: ConfigReader;
}

/**
 * Checkpoints of llm-compressor: codes in `X.weight_packed`, or in `X.weight` where a dtype of safetensors has them, and
 * `X.weight_scale`. `targets` of `config_groups` tell the scheme of a module.
 * Reference: compressed_tensors, `compressors/`.
 */
export const compressedTensors: QuantizationMethod = {
  names: ["compressed-tensors"],
  stores: "X.weight_scale",
  describes: (config) => config.has("config_groups"),
  async *find(tensors, config, savedAs) {
    refuseTransforms(config);
    const isIgnored = modulePatterns(config.texts("ignore"), `${config.where}.ignore`);
    const schemeOf = schemesOf(config);
    for (const module of quantizedModules(tensors)) {
      const name = [`${module}.weight_packed`, `${module}.weight`].find((one) => tensors.has(one));
      if (name === undefined)
        throw new QuantizationError({
          where: `${module}.weight_scale`,
          expected: `${module}.weight or ${module}.weight_packed beside it`,
          got: "neither",
          fix: "The checkpoint is incomplete",
        });
      if (isIgnored(module)) refuseExcluded(name, `${config.where}.ignore`);
      const scheme = schemeOf(module);
      if (!scheme)
        throw new QuantizationError({
          where: name,
          expected: `a module among the targets of ${config.where}.config_groups`,
          got: "one that no group has",
        });
      yield await FORMATS[scheme.format](tensors, module, scheme.weights, savedAs);
    }
  },
};

/** Rotations are computed while the model runs, and sparse weights are stored in another way. */
function refuseTransforms(config: ConfigReader): void {
  const fix = "Use a version of the checkpoint without it, or in bfloat16";
  const transforms = config.has("transform_config") ? config.object("transform_config") : undefined;
  if (transforms?.has("config_groups") && transforms.object("config_groups").keys.length > 0)
    throw config.error("transform_config", "no transforms", fix);
  if (config.has("sparsity_config")) config.object("sparsity_config").oneOf("format", ["dense"], "dense", fix);
}

function quantizedModules(tensors: TensorSource): Set<string> {
  return new Set([...modulesWith(tensors, ".weight_packed"), ...modulesWith(tensors, ".weight_scale")]);
}

/**
 * Returns the scheme of a module. Of several groups the one with its exact path goes first, then one with a regular
 * expression, then one with its class.
 * Reference: compressed_tensors, `utils/match.py`, `match_targets`.
 */
function schemesOf(config: ConfigReader): (module: string) => Scheme | undefined {
  const common = config.has("format") ? formatOf(config) : undefined;
  const targets = new Map<string, Scheme>();
  for (const group of config.objects("config_groups")) {
    if (!group.has("weights")) continue;
    const weights = group.object("weights");
    const format = (group.has("format") ? formatOf(group) : common) ?? inferred(weights);
    for (const target of group.texts("targets")) targets.set(target, { format, weights });
  }
  const tests = [...targets]
    .map(([target, scheme]) => {
      const matches = modulePatterns([target], `${config.where}.config_groups: target ${JSON.stringify(target)}`);
      return { matches, scheme, order: isModulePattern(target) ? Number(target.startsWith("re:")) : 2, target };
    })
    .sort((a, b) => a.order - b.order || (a.target < b.target ? -1 : 1));
  return (module) => tests.find(({ matches }) => matches(module))?.scheme;
}

/** Reads a format; undefined for `mixed-precision`, where each group has its own. */
function formatOf(config: ConfigReader): Format | undefined {
  const names = Object.keys(FORMATS) as Format[];
  const fix = "Use a version of the checkpoint in one of these, or in bfloat16";
  const format = config.oneOf("format", [...names, "mixed-precision"], undefined, fix);
  return format === "mixed-precision" ? undefined : format;
}

/** Returns the format of a scheme that names none, as `infer_module_format` of compressed_tensors. */
function inferred(weights: ConfigReader): Format {
  const bits = weights.integer("num_bits", 8);
  const isFloat = weights.text("type", "int") === "float";
  const group = weights.has("group_size") ? weights.integer("group_size", undefined, -1) : 0;
  if (!isFloat) return "pack-quantized";
  if (bits === 4) return group === 16 ? "nvfp4-pack-quantized" : "mxfp4-pack-quantized";
  if (bits === 6) return "mxfp6-pack-quantized";
  return group === 32 && weights.has("scale_dtype") ? "mxfp8-quantized" : "float-quantized";
}
