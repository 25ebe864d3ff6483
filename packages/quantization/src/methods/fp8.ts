import { type Dtype, quantizedView, type TensorSource } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";
import { fp8 } from "../formats/fp8.js";
import { companion } from "./find-tensors.js";
import type { QuantizationMethod, QuantizedWeight } from "./method.js";

/** Dtypes of scales. */
const SCALES: readonly Dtype[] = ["F32", "BF16", "F16", "F8_E8M0", "U8"];

const FP8: readonly Dtype[] = ["F8_E4M3", "F8_E5M2"];

/** Suffixes of scales: of DeepSeek-V3 and Qwen3, and of experts in one tensor without `.weight`. */
const SUFFIX = "_scale_inv";

/**
 * FP8 with a scale per tile, as released DeepSeek-V3, Qwen3 and GLM checkpoints: `X.weight` and `X.weight_scale_inv`,
 * which multiplies despite its name.
 */
export const fp8Method: QuantizationMethod = {
  names: ["fp8"],
  *find(tensors, config, savedAs) {
    config.oneOf("fmt", ["e4m3", "e5m2"], "e4m3");
    const tile = config.has("weight_block_size") ? config.pair("weight_block_size") : undefined;
    for (const name of tensors.names) {
      if (!FP8.includes(tensors.tensor(name).dtype)) continue;
      yield weightOf(tensors, name, tile, savedAs);
    }
  },
};

function weightOf(
  tensors: TensorSource,
  name: string,
  tile: readonly [number, number] | undefined,
  savedAs: Dtype,
): QuantizedWeight {
  const weight = tensors.tensor(name);
  const { shape } = weight;
  if (shape.length !== 2 && shape.length !== 3)
    throw new QuantizationError({
      where: name,
      expected: "a matrix or a stack of matrices in FP8",
      got: `[${shape.join(", ")}]`,
    });
  const [rows, columns] = shape.slice(-2) as [number, number];
  const [tileRows, tileColumns] = tile ?? [rows, columns];
  const tiles = [...shape.slice(0, -2), Math.ceil(rows / tileRows), Math.ceil(columns / tileColumns)];
  const scaleName = name + SUFFIX;
  // One scale for a whole matrix may be a scalar.
  const isScalar =
    tile === undefined && shape.length === 2 && tensors.has(scaleName) && isOne(tensors.tensor(scaleName));
  const scale = companion(tensors, scaleName, {
    dtypes: SCALES,
    shape: isScalar ? tensors.tensor(scaleName).shape : tiles,
  });
  const view = quantizedView({
    name,
    shape,
    savedAs,
    format: fp8([tileRows, tileColumns]),
    planes: { weight, scale },
  });
  return { view, tensors: [name, scaleName, ...ACTIVATIONS.map((suffix) => moduleOf(name) + suffix)] };
}

/** Scales of activations, for kernels that multiply in FP8. */
const ACTIVATIONS = [".activation_scale", ".input_scale", ".activation_scale_inv"];

function moduleOf(name: string): string {
  return name.replace(/\.weight$/, "");
}

function isOne({ shape }: { readonly shape: readonly number[] }): boolean {
  return shape.every((size) => size === 1);
}
