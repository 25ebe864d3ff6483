import { type BlockFormat, type Dtype, quantizedView, type TensorSource } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";
import { packedIntegers } from "../formats/packed-integers.js";
import type { ConfigReader } from "./config-reader.js";
import { companion, modulesWith } from "./find-tensors.js";
import type { QuantizationMethod, QuantizedWeight } from "./method.js";
import { modulePatterns } from "./module-patterns.js";

/** Dtypes of scales. */
const SCALES: readonly Dtype[] = ["BF16", "F16", "F32"];

/** A group of modules that are quantised alike: one of `config_groups`. */
interface Scheme {
  readonly matches: (module: string) => boolean;
  readonly format: string;
  readonly weights: ConfigReader;
}

/**
 * Checkpoints of llm-compressor. `pack-quantized`: `X.weight_packed`, `X.weight_scale`, `X.weight_shape`, for asymmetric
 * weights `X.weight_zero_point`, and for some with reordered columns `X.weight_g_idx`.
 */
export const compressedTensors: QuantizationMethod = {
  names: ["compressed-tensors"],
  *find(tensors, config, savedAs) {
    const isIgnored = modulePatterns(config.texts("ignore"), `${config.where}.ignore`);
    const schemes = schemesOf(config);
    for (const module of modulesWith(tensors, ".weight_packed")) {
      if (isIgnored(module))
        throw new QuantizationError({
          where: `${module}.weight_packed`,
          expected: `a weight that is not quantised, as ${config.where}.ignore says`,
          got: "a packed one",
        });
      const scheme = schemes.find(({ matches }) => matches(module));
      if (!scheme)
        throw new QuantizationError({
          where: `${module}.weight_packed`,
          expected: `a module among the targets of ${config.where}.config_groups`,
          got: "one that no group has",
        });
      yield packedWeight(tensors, module, scheme, savedAs);
    }
  },
};

function schemesOf(config: ConfigReader): readonly Scheme[] {
  const common = config.has("format") ? config.oneOf("format", FORMATS) : undefined;
  return config.objects("config_groups").map((group) => ({
    matches: modulePatterns(group.texts("targets"), `${group.where}.targets`),
    format: group.has("format") ? group.oneOf("format", FORMATS) : (common ?? "pack-quantized"),
    weights: group.object("weights"),
  }));
}

const FORMATS = ["pack-quantized"] as const;

function packedWeight(tensors: TensorSource, module: string, { weights }: Scheme, savedAs: Dtype): QuantizedWeight {
  const bits = weights.integer("num_bits", undefined, 2);
  if (bits > 8) throw weights.error("num_bits", "2 to 8");
  weights.oneOf("type", ["int"], "int");
  const strategy = weights.oneOf("strategy", ["group", "channel", "tensor"], "channel");
  const isSymmetric = weights.boolean("symmetric", true);
  const packedName = `${module}.weight_packed`;
  const weight = tensors.tensor(packedName);
  const [rows = 0, words = 0] = weight.shape;
  if (weight.dtype !== "I32" || weight.shape.length !== 2)
    throw new QuantizationError({
      where: packedName,
      expected: "I32 [rows, words]",
      got: `${weight.dtype} [${weight.shape}]`,
    });
  const scaleName = `${module}.weight_scale`;
  const groups = strategy === "group" && tensors.has(scaleName) ? (tensors.tensor(scaleName).shape[1] ?? 1) : 1;
  const groupSize = strategy === "group" ? weights.integer("group_size") : Math.floor((words * 32) / bits);
  const columns = strategy === "group" ? groups * groupSize : groupSize;
  if (Math.ceil((columns * bits) / 32) !== words)
    throw new QuantizationError({
      where: scaleName,
      expected: `scales for ${words} words of ${32 / bits} values in groups of ${groupSize}`,
      got: tensors.has(scaleName) ? `[${tensors.tensor(scaleName).shape.join(", ")}]` : "no such tensor",
      fix: "The group size must be that of the quantisation config and divide the columns",
    });
  const scaleRows = strategy === "tensor" ? 1 : rows;
  const scale = companion(tensors, scaleName, {
    dtypes: SCALES,
    shape: strategy === "tensor" ? [1] : [scaleRows, groups],
  });
  const zeroName = `${module}.weight_zero_point`;
  const indexName = `${module}.weight_g_idx`;
  const zeroPoint = isSymmetric
    ? undefined
    : companion(tensors, zeroName, { dtypes: ["I32"], shape: [Math.ceil((rows * bits) / 32), groups] });
  const groupIndex = tensors.has(indexName)
    ? companion(tensors, indexName, { dtypes: ["I32", "I64"], shape: [columns] })
    : undefined;
  const format: BlockFormat = packedIntegers({
    bits,
    groupSize,
    hasZeroPoints: zeroPoint !== undefined,
    hasGroupIndex: groupIndex !== undefined,
  });
  const view = quantizedView({
    name: `${module}.weight`,
    shape: [rows, columns],
    savedAs,
    format,
    planes: { weight, scale, ...(zeroPoint && { zeroPoint }), ...(groupIndex && { groupIndex }) },
  });
  const own = [
    packedName,
    scaleName,
    `${module}.weight_shape`,
    ...(zeroPoint ? [zeroName] : []),
    ...(groupIndex ? [indexName] : []),
  ];
  return { view, tensors: own };
}
