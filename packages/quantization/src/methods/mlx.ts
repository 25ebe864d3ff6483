import { type BlockFormat, type Dtype, quantizedView, type TensorSource, type TensorView } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";
import { affine } from "../formats/affine.js";
import { tiled } from "../formats/tiled.js";
import type { ConfigReader } from "./config-reader.js";
import { companion, FLOATS, modulesWith, payload, refuseExcluded } from "./find-tensors.js";
import type { QuantizationMethod, QuantizedWeight } from "./method.js";
import { viewWithDtype } from "./recast-view.js";

/** Quantisation of a module. */
interface Scheme {
  readonly mode: keyof typeof MODES;
  readonly bits: number;
  readonly groupSize: number;
}

/** Modes, with the bits and group sizes that each has. */
const MODES = {
  affine: { bits: [2, 3, 4, 5, 6, 8], groupSize: 64 },
  mxfp4: { bits: [4], groupSize: 32 },
  nvfp4: { bits: [4], groupSize: 16 },
  mxfp8: { bits: [8], groupSize: 32 },
} as const;

/**
 * Checkpoints of mlx-lm: `X.weight` in words, `X.scales`, and in mode `affine` `X.biases`. The config has the path of a module
 * as a key if it is quantised otherwise than the rest, or with false if it is not.
 * Reference: mlx-lm, `utils.py`, `load_model`.
 */
export const mlxMethod: QuantizationMethod = {
  names: ["mlx"],
  stores: "X.scales",
  describes: (config) => config.has("bits") && config.has("group_size"),
  *find(tensors, config, savedAs) {
    const common = schemeOf(config);
    for (const module of modulesWith(tensors, ".scales")) {
      if (config.is(module, false)) refuseExcluded(`${module}.scales`, `${config.where}[${JSON.stringify(module)}]`);
      const scheme = config.has(module) && !config.is(module, true) ? schemeOf(config.object(module)) : common;
      yield weightOf(tensors, module, scheme, savedAs);
    }
  },
};

/** Reads a scheme. That of a module inherits nothing from the common one: its mode is `affine` unless it says otherwise. */
function schemeOf(config: ConfigReader): Scheme {
  const modes = Object.keys(MODES) as Scheme["mode"][];
  const mode = config.oneOf("mode", modes, "affine");
  const bits = config.oneOf<number>("bits", MODES[mode].bits, mode === "mxfp8" ? 8 : 4);
  return { mode, bits, groupSize: config.integer("group_size", MODES[mode].groupSize) };
}

function weightOf(tensors: TensorSource, module: string, scheme: Scheme, savedAs: Dtype): QuantizedWeight {
  const { mode, bits, groupSize } = scheme;
  const name = (suffix: string): string => `${module}.${suffix}`;
  if (!tensors.has(name("weight")))
    throw new QuantizationError({
      where: name("scales"),
      expected: `${name("weight")} beside it`,
      got: "no such tensor",
      fix: "The checkpoint is incomplete",
    });
  const isStack = tensors.tensor(name("weight")).shape.length === 3;
  const axes = [...(isStack ? ["experts"] : []), "out", `in · ${bits} / 32`];
  const weight = payload(tensors, name("weight"), { dtypes: ["U32"], axes });
  const columns = Math.floor((weight.shape.at(-1)! * 32) / bits);
  const groups = columns / groupSize;
  if (!Number.isInteger(groups))
    throw new QuantizationError({
      where: name("weight"),
      expected: `columns in groups of ${groupSize}, as its quantisation config says`,
      got: `${columns} columns of ${bits} bits`,
      fix: "bits and group_size must be those of the checkpoint",
    });
  const fix = `bits and group_size must be those of the checkpoint: ${bits} and ${groupSize} according to its config`;
  const shapes = [weight.shape.with(-1, groups)];
  const scale = companion(tensors, name("scales"), { dtypes: mode === "affine" ? FLOATS : ["U8"], shapes, fix });
  const shape = weight.shape.with(-1, columns);
  const own = ["weight", "scales", ...(mode === "affine" ? ["biases"] : [])].map(name);
  const view = (format: BlockFormat, planes: Readonly<Record<string, TensorView>>): QuantizedWeight => {
    return { view: quantizedView({ name: name("weight"), shape, savedAs, format, planes }), tensors: own };
  };
  if (mode === "affine") {
    const bias = companion(tensors, name("biases"), { dtypes: FLOATS, shapes, fix });
    return view(affine({ bits, groupSize }), { weight, scale, bias });
  }
  const isNvfp4 = mode === "nvfp4";
  // The largest magnitude of each expert, or of the matrix.
  const hasGlobal = isNvfp4 && tensors.has(name("global_scale"));
  const globalScale =
    hasGlobal && companion(tensors, name("global_scale"), { dtypes: ["F32"], shapes: [weight.shape.slice(0, -2)] });
  if (hasGlobal) own.push(name("global_scale"));
  const format = tiled({
    name: mode === "mxfp8" ? "fp8" : mode,
    tile: [1, groupSize],
    ...(hasGlobal && { globalScale: "amax" }),
  });
  return view(format, {
    weight: viewWithDtype(weight, bits === 4 ? "F4" : "F8_E4M3", shape),
    scale: isNvfp4 ? viewWithDtype(scale, "F8_E4M3", scale.shape) : scale,
    ...(globalScale && { globalScale }),
  });
}
