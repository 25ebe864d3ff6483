/** Weights of compressed-tensors, by the format of their scheme. */

import { type Dtype, quantizedView, type TensorSource, toFloat32 } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";
import { packedIntegers } from "../formats/packed-integers.js";
import { tiled } from "../formats/tiled.js";
import type { ConfigReader } from "./config-reader.js";
import { companion, FLOATS, payload, present } from "./find-tensors.js";
import type { QuantizedWeight } from "./method.js";
import { scalarView, viewWithDtype } from "./recast-view.js";

/** Scales and global scales of activations, for kernels that multiply in the format. */
const ACTIVATIONS = ["input_scale", "input_zero_point", "input_global_scale", "output_scale", "output_zero_point"];

/** `X.weight_packed`: integers of 2 to 8 bits. Asymmetric ones have `X.weight_zero_point`, some `X.weight_g_idx`. */
export async function packedWeight(
  tensors: TensorSource,
  module: string,
  weights: ConfigReader,
  savedAs: Dtype,
): Promise<QuantizedWeight> {
  const name = (suffix: string): string => `${module}.${suffix}`;
  const bits = weights.integer("num_bits", 8, 2);
  if (bits > 8) throw weights.error("num_bits", "2 to 8");
  weights.oneOf("type", ["int"], "int");
  const weight = payload(tensors, name("weight_packed"), { dtypes: ["I32"], axes: ["out", `in · ${bits} / 32`] });
  const [rows, words] = weight.shape as [number, number];
  const groupSize = weights.has("group_size") ? weights.integer("group_size", undefined, -1) : 0;
  const columns =
    groupSize > 0
      ? columnsOfGroups(tensors, name("weight_scale"), { words, bits, groupSize })
      : await columnsOf(tensors, module, { rows, words, bits });
  const { grid, tile, fix } = gridOf(weights, [rows, columns]);
  const scale = companion(tensors, name("weight_scale"), { dtypes: FLOATS, shapes: shapesOf(grid), fix });
  const planes = { weight, scale };
  const zeroPoint =
    !weights.boolean("symmetric", true) &&
    companion(tensors, name("weight_zero_point"), {
      dtypes: ["I32"],
      shapes: shapesOf([Math.ceil((grid[0] * bits) / 32), grid[1]]),
      fix,
    });
  const groupIndex =
    tensors.has(name("weight_g_idx")) &&
    companion(tensors, name("weight_g_idx"), { dtypes: ["I32", "I64"], shapes: [[columns]] });
  const format = packedIntegers({
    bits,
    groupSize: tile[1],
    hasZeroPoints: zeroPoint !== false,
    hasGroupIndex: groupIndex !== false,
    hasRows: grid[0] === rows,
  });
  const view = quantizedView({
    name: name("weight"),
    shape: [rows, columns],
    savedAs,
    format,
    planes: { ...planes, ...(zeroPoint && { zeroPoint }), ...(groupIndex && { groupIndex }) },
  });
  const own = ["weight_packed", "weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx", ...ACTIVATIONS];
  return { view, tensors: present(tensors, module, own) };
}

/** `X.weight` in a dtype of 8 bits: integers, FP8 and MXFP8. */
export function tiledWeight(
  tensors: TensorSource,
  module: string,
  weights: ConfigReader,
  savedAs: Dtype,
): QuantizedWeight {
  const name = (suffix: string): string => `${module}.${suffix}`;
  weights.oneOf("num_bits", [8], 8);
  const isFloat = weights.oneOf("type", ["int", "float"], "int") === "float";
  const weight = payload(tensors, name("weight"), { dtypes: [isFloat ? "F8_E4M3" : "I8"], axes: ["out", "in"] });
  const [rows, columns] = weight.shape as [number, number];
  const { grid, tile, fix } = gridOf(weights, [rows, columns]);
  const dtypes: readonly Dtype[] = weights.has("scale_dtype") ? [...FLOATS, "U8", "F8_E8M0"] : FLOATS;
  const scale = companion(tensors, name("weight_scale"), { dtypes, shapes: shapesOf(grid), fix });
  const zeroPoint =
    !weights.boolean("symmetric", true) &&
    companion(tensors, name("weight_zero_point"), { dtypes: ["I8"], shapes: shapesOf(grid), fix });
  const view = quantizedView({
    name: name("weight"),
    shape: [rows, columns],
    savedAs,
    format: tiled({ name: isFloat ? "fp8" : "int8", tile }),
    planes: { weight, scale, ...(zeroPoint && { zeroPoint }) },
  });
  const own = ["weight", "weight_scale", "weight_shape", "weight_zero_point", ...ACTIVATIONS];
  return { view, tensors: present(tensors, module, own) };
}

/** `X.weight_packed`: floats of 4 or 6 bits. NVFP4 has `X.weight_global_scale`, by which scales are divided. */
export function smallFloatWeight(
  tensors: TensorSource,
  module: string,
  weights: ConfigReader,
  savedAs: Dtype,
): QuantizedWeight {
  const name = (suffix: string): string => `${module}.${suffix}`;
  const bits = weights.oneOf("num_bits", [4, 6], 4);
  weights.oneOf("type", ["float"], "float");
  weights.oneOf("symmetric", [true], true);
  const packed = payload(tensors, name("weight_packed"), { dtypes: ["U8"], axes: ["out", `in · ${bits} / 8`] });
  const rows = packed.shape[0]!;
  const columns = Math.floor((packed.shape[1]! * 8) / bits);
  const globalName = name("weight_global_scale");
  const isNvidia = bits === 4 && weights.integer("group_size") === 16;
  const { grid, tile, fix } = gridOf(weights, [rows, columns]);
  const dtypes: readonly Dtype[] = isNvidia ? ["F8_E4M3", ...FLOATS] : ["U8", "F8_E8M0"];
  const scale = companion(tensors, name("weight_scale"), { dtypes, shapes: [grid], fix });
  const globalScale = isNvidia && scalarView(companion(tensors, globalName, { dtypes: FLOATS, shapes: [[1], []] }));
  const view = quantizedView({
    name: name("weight"),
    shape: [rows, columns],
    savedAs,
    format: tiled({
      name: isNvidia ? "nvfp4" : `mxfp${bits}`,
      tile,
      ...(isNvidia && { globalScale: "divides" }),
    }),
    planes: {
      weight: viewWithDtype(packed, bits === 4 ? "F4" : "F6_E2M3", [rows, columns]),
      scale,
      ...(globalScale && { globalScale }),
    },
  });
  const own = ["weight_packed", "weight_scale", "weight_shape", "weight_global_scale", ...ACTIVATIONS];
  return { view, tensors: present(tensors, module, own) };
}

/** Returns the columns of a packed matrix in groups, by the number of groups: files have tens of thousands of them. */
function columnsOfGroups(
  tensors: TensorSource,
  scaleName: string,
  { words, bits, groupSize }: { readonly words: number; readonly bits: number; readonly groupSize: number },
): number {
  const most = Math.floor((words * 32) / bits);
  if (!tensors.has(scaleName)) return most;
  const { shape } = tensors.tensor(scaleName);
  const columns = (shape.at(-1) ?? 1) * groupSize;
  if (Math.ceil((columns * bits) / 32) === words) return columns;
  throw new QuantizationError({
    where: scaleName,
    expected: `scales of ${most} columns in groups of ${groupSize}, as there are in ${words} words of ${bits} bits`,
    got: `[${shape.join(", ")}]`,
    fix: "num_bits and group_size of the quantisation config must be those of the checkpoint",
  });
}

/** Returns the columns of a packed matrix. A row may end with unused bits, so `X.weight_shape` is read if it is there. */
async function columnsOf(
  tensors: TensorSource,
  module: string,
  { rows, words, bits }: { readonly rows: number; readonly words: number; readonly bits: number },
): Promise<number> {
  const most = Math.floor((words * 32) / bits);
  const name = `${module}.weight_shape`;
  if (!tensors.has(name)) return most;
  const view = companion(tensors, name, { dtypes: ["I64", "I32"], shapes: [[2]] });
  const [shapeRows, columns = 0] = toFloat32(await view.read(), view.dtype);
  if (shapeRows === rows && Math.ceil((columns * bits) / 32) === words) return columns;
  throw new QuantizationError({
    where: name,
    expected: `[${rows}, ${most}], or fewer columns in as many words, as ${module}.weight_packed has at ${bits} bits`,
    got: `[${shapeRows}, ${columns}]`,
    fix: "num_bits of the quantisation config must be that of the checkpoint",
  });
}

/** Grid of scales of a matrix, and the rows and columns that share one. */
interface Grid {
  readonly grid: readonly [number, number];
  readonly tile: readonly [number, number];
  readonly fix: string;
}

function gridOf(weights: ConfigReader, [rows, columns]: readonly [number, number]): Grid {
  const size = weights.has("group_size") ? weights.integer("group_size", undefined, -1) : undefined;
  const byDefault = size === undefined ? "tensor" : size > 0 ? "group" : "channel";
  const strategies = ["tensor", "channel", "group", "tensor_group", "block"] as const;
  const strategy = weights.oneOf("strategy", strategies, byDefault);
  const tile = tileOf(strategy, weights, [rows, columns]);
  const where = `${weights.where}.group_size`;
  if (strategy.endsWith("group") && columns % tile[1] !== 0)
    throw new QuantizationError({
      where,
      expected: `a divisor of ${columns} columns`,
      got: `${tile[1]}`,
      fix: "It must be that of the checkpoint",
    });
  const detail = strategy.endsWith("group") ? ` in groups of ${tile[1]}` : "";
  return {
    tile,
    grid: [Math.ceil(rows / tile[0]), Math.ceil(columns / tile[1])],
    fix: `The config must be that of the checkpoint: strategy ${strategy}${detail}`,
  };
}

function tileOf(strategy: string, weights: ConfigReader, [rows, columns]: readonly [number, number]): [number, number] {
  if (strategy === "tensor") return [rows, columns];
  if (strategy === "channel") return [1, columns];
  if (strategy === "block") return [...weights.pair("block_structure")];
  return [1, weights.integer("group_size")];
}

/** Shapes of a grid on disk: a single scale may have fewer axes. */
function shapesOf(grid: readonly [number, number]): readonly (readonly number[])[] {
  if (grid[0] === 1 && grid[1] === 1) return [grid, [1], []];
  return grid[1] === 1 ? [grid, [grid[0]]] : [grid];
}
