import { type Dtype, quantizedView, type TensorSource, type TensorView } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";
import { tiled } from "../formats/tiled.js";
import { companion, present, refuseExcluded } from "./find-tensors.js";
import type { QuantizationMethod, QuantizedWeight } from "./method.js";
import { pathPatterns } from "./module-patterns.js";
import { viewWithDtype } from "./recast-view.js";

/** Dtypes of scales. */
const SCALES: readonly Dtype[] = ["F32", "BF16", "F16", "F8_E8M0", "U8"];

const FP8: readonly Dtype[] = ["F8_E4M3", "F8_E5M2"];

/** FP4, two in a byte. */
const FP4: readonly Dtype[] = ["I8", "U8", "F4"];

/** Scales of activations, for kernels that multiply in FP8. */
const ACTIVATIONS = ["activation_scale", "activation_scale_inv", "input_scale", "input_scale_inv", "qscale_act"];

/**
 * FP8 with a scale per tile, row or matrix. `X.weight` and its scale: `X.weight_scale_inv` of DeepSeek-V3, Qwen3 and GLM
 * (which multiplies despite its name), `X.weight_scale` of FBGEMM and ModelOpt, `X.scale` of DeepSeek-V4, `X.qscale_weight` of Mistral. Experts
 * may be FP4 with a finer grid (DeepSeek-V4).
 * Reference: transformers, `integrations/finegrained_fp8.py`, `Fp8Dequantize`.
 */
export const fp8Method: QuantizationMethod = {
  names: ["fp8", "fbgemm_fp8"],
  stores: "X.weight_scale_inv",
  *find(tensors, config, savedAs) {
    config.oneOf("fmt", ["e4m3", "e5m2", "float8_e4m3fn", "float8_e5m2"], "e4m3");
    const isPerTensor = config.boolean("weight_per_tensor", false);
    const tile = config.has("weight_block_size") && !isPerTensor ? config.pair("weight_block_size") : undefined;
    const excluded = (["modules_to_not_convert", "ignored_layers"] as const).map((key) => {
      return { key: `${config.where}.${key}`, matches: pathPatterns(config.texts(key)) };
    });
    for (const name of tensors.names) {
      const { dtype } = tensors.tensor(name);
      const scale =
        FP8.includes(dtype) || FP4.includes(dtype) ? scaleNames(name).find((one) => tensors.has(one)) : undefined;
      if (scale === undefined && !FP8.includes(dtype)) continue;
      const exclusion = excluded.find(({ matches }) => matches(moduleOf(name)));
      if (exclusion) refuseExcluded(name, exclusion.key);
      yield fp8Weight(tensors, { name, scaleName: scale ?? scaleNames(name)[0]!, tile }, savedAs);
    }
  },
};

/** Names of the scale of a weight. Experts in one tensor have names without `.weight`. */
function scaleNames(name: string): string[] {
  const suffixed = ["_scale_inv", "_scale"].map((suffix) => name + suffix);
  if (moduleOf(name) === name) return suffixed;
  return [...suffixed, ...["scale", "qscale_weight"].map((scale) => `${moduleOf(name)}.${scale}`)];
}

/** A weight and its scale. */
export interface FoundWeight {
  readonly name: string;
  readonly scaleName: string;
  /** Undefined for a scale per row or matrix. */
  readonly tile: readonly [number, number] | undefined;
}

/** Returns an FP8 or FP4 weight with the scale of that name. */
export function fp8Weight(
  tensors: TensorSource,
  { name, scaleName, tile }: FoundWeight,
  savedAs: Dtype,
): QuantizedWeight {
  const stored = tensors.tensor(name);
  if (stored.shape.length !== 2 && stored.shape.length !== 3)
    throw new QuantizationError({
      where: name,
      expected: "a matrix or a stack of matrices",
      got: `${stored.dtype} [${stored.shape.join(", ")}]`,
    });
  const isFp8 = FP8.includes(stored.dtype);
  const weight = isFp8 ? stored : fp4View(stored);
  const [rows, columns] = weight.shape.slice(-2) as [number, number];
  const stack = weight.shape.slice(0, -2);
  const grids = new Map<string, readonly [number, number]>();
  const allow = (shape: readonly number[], gridTile: readonly [number, number]): unknown =>
    grids.set(shape.join(), gridTile);
  const allowTiles = (one: readonly [number, number]): unknown =>
    allow([...stack, Math.ceil(rows / one[0]), Math.ceil(columns / one[1])], one);
  // A finer grid than the config's: MXFP4 and MXFP8.
  if (!isFp8) allowTiles([1, 32]);
  else if (tile) {
    allowTiles(tile);
    allowTiles([1, 32]);
  } else {
    allowTiles([1, columns]);
    allow([...stack, rows], [1, columns]);
    allow([...stack, 1], [rows, columns]);
    allow(stack, [rows, columns]);
    allowTiles([rows, columns]);
  }
  const scale = companion(tensors, scaleName, {
    dtypes: SCALES,
    shapes: [...grids.keys()].map((key) => (key === "" ? [] : key.split(",").map(Number))),
    fix: "weight_block_size of the quantisation config must be that of the checkpoint",
  });
  const format = tiled({ name: isFp8 ? "fp8" : "mxfp4", tile: grids.get(scale.shape.join())! });
  const view = quantizedView({ name, shape: weight.shape, savedAs, format, planes: { weight, scale } });
  const module = moduleOf(name);
  const stacked =
    module === name ? ACTIVATIONS.map((suffix) => `${name}_${suffix}`).filter((one) => tensors.has(one)) : [];
  return { view, tensors: [name, scaleName, ...present(tensors, module, ACTIVATIONS), ...stacked] };
}

function fp4View(stored: TensorView): TensorView {
  if (stored.dtype === "F4") return stored;
  return viewWithDtype(stored, "F4", stored.shape.with(-1, stored.shape.at(-1)! * 2));
}

function moduleOf(name: string): string {
  return name.replace(/\.weight$/, "");
}
