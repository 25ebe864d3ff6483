/** Checkpoints whose tensors contradict their config: each error names the tensor or the key. */

import { fileURLToPath } from "node:url";
import {
  bytesPerElement,
  type Dtype,
  openSafetensors,
  type TensorSource,
  type TensorView,
  toFloat32,
  viewOfBytes,
} from "@mixtape/safetensors";
import { expect, test } from "vitest";
import { QuantizationError } from "../src/errors.js";
import { quantizedSource } from "../src/quantized-source.js";

/** A change of a fixture: of a tensor, or of a key of the config. */
type Edit =
  | { readonly drop: string }
  | { readonly tensor: string; readonly dtype: Dtype; readonly shape: readonly number[]; readonly fill?: number }
  | { readonly key: string; readonly value: unknown };

const drop = (name: string): Edit => ({ drop: name });
const put = (tensor: string, dtype: Dtype, shape: readonly number[], fill = 0): Edit => ({
  tensor,
  dtype,
  shape,
  fill,
});
const set = (key: string, value: unknown): Edit => ({ key, value });

const WEIGHTS = "config_groups.group_0.weights";

test.each<[fixture: string, edit: Edit, message: string]>([
  // Config
  ["gptq-w4", set("quant_method", "aqlm"), "config.json: quantization_config.quant_method: expected one of"],
  ["gptq-w4", set("bits", 5), "quantization_config.bits: expected one of 2, 3, 4, 8, got 5"],
  [
    "gptq-w4",
    set("bits", 8),
    "layer.scales: expected F32 or F16 or BF16 [2, 32], got F16 [3, 32]. bits and group_size must be those of the",
  ],
  ["gptq-w4", set("bits", "4"), 'quantization_config.bits: expected one of 2, 3, 4, 8, got "4"'],
  ["gptq-w4", set("group_size", 0), "quantization_config.group_size: expected a positive integer, or -1"],
  ["gptq-w4", set("group_size", 48), "layer.scales: expected F32 or F16 or BF16 [2, 32], got F16 [3, 32]"],
  [
    "gptq-w4",
    set("checkpoint_format", "marlin"),
    'quantization_config.checkpoint_format: expected one of "gptq", "gptq_v2", got "marlin"',
  ],
  ["gptq-w4", set("pack_dtype", "int16"), 'quantization_config.pack_dtype: expected "int32", got "int16"'],
  [
    "gptq-w4",
    set("dynamic", { "-:layer": {} }),
    'layer.qweight: expected a weight that is not quantised, as config.json: quantization_config.dynamic["-:layer"] says',
  ],
  ["gptq-w4", set("dynamic", { "+:(": {} }), 'quantization_config.dynamic["+:("]: expected a regular expression'],
  ["gptq-w4", set("dynamic", [1]), "quantization_config.dynamic: expected an object, got [1]"],
  ["gptq-w4", set("dynamic", { layer: 4 }), "quantization_config.dynamic.layer: expected an object, got 4"],
  [
    "awq-gemm",
    set("version", "gemv"),
    'quantization_config.version: expected "gemm", got "gemv". Quantise the model with version "gemm", or use its GPTQ',
  ],
  ["awq-gemm", set("version", "GEMV_fast"), 'quantization_config.version: expected "gemm", got "GEMV_fast"'],
  ["awq-gemm", set("version", "llm-awq"), 'quantization_config.version: expected "gemm", got "llm-awq"'],
  ["awq-gemm", set("bits", 8), "quantization_config.bits: expected 4, got 8"],
  ["awq-gemm", set("group_size", 64), "layer.scales: expected F32 or F16 or BF16 [2, 32], got F16 [3, 32]"],
  [
    "awq-gemm",
    set("modules_to_not_convert", ["layer"]),
    "layer.qweight: expected a weight that is not quantised, as config.json: quantization_config.modules_to_not_convert says",
  ],
  ["awq-gemm", set("modules_to_not_convert", "layer"), 'modules_to_not_convert: expected a list of names, got "layer"'],
  ["compressed-tensors-w4", set("format", "marlin-24"), 'quantization_config.format: expected one of "pack-quantized"'],
  [
    "compressed-tensors-w4",
    set("ignore", ["re:lay"]),
    "layer.weight_packed: expected a weight that is not quantised, as config.json: quantization_config.ignore says",
  ],
  [
    "compressed-tensors-w4",
    set("config_groups.group_0.targets", ["other"]),
    "layer.weight_packed: expected a module among the targets of config.json: quantization_config.config_groups",
  ],
  [
    "compressed-tensors-w4",
    set(`${WEIGHTS}.num_bits`, 8),
    "layer.weight_scale: expected scales of 32 columns in groups of 16, as there are in 8 words of 8 bits, got [20, 4]",
  ],
  ["compressed-tensors-w4", set(`${WEIGHTS}.num_bits`, 16), "weights.num_bits: expected 2 to 8, got 16"],
  ["compressed-tensors-w4", set(`${WEIGHTS}.type`, "float"), 'weights.type: expected "int", got "float"'],
  [
    "compressed-tensors-w4",
    set(`${WEIGHTS}.group_size`, 24),
    "layer.weight_scale: expected scales of 64 columns in groups of 24, as there are in 8 words of 4 bits, got [20, 4]",
  ],
  [
    "compressed-tensors-w4",
    set(`${WEIGHTS}.group_size`, 32),
    "layer.weight_scale: expected scales of 64 columns in groups of 32, as there are in 8 words of 4 bits, got [20, 4]",
  ],
  [
    "compressed-tensors-w4",
    set(`${WEIGHTS}.symmetric`, false),
    "layer.weight_zero_point: expected I32 [3, 4], got no such tensor",
  ],
  [
    "compressed-tensors-w4",
    set(`${WEIGHTS}.strategy`, "diagonal"),
    'weights.strategy: expected one of "tensor", "channel"',
  ],
  [
    "compressed-tensors-int-quantized-group-asymmetric",
    set(`${WEIGHTS}.group_size`, 24),
    "weights.group_size: expected a divisor of 64 columns, got 24",
  ],
  [
    "compressed-tensors-w4",
    set("transform_config", { config_groups: { R1: {} } }),
    "quantization_config.transform_config: expected no transforms",
  ],
  [
    "compressed-tensors-w4",
    set("sparsity_config", { format: "sparse-24-bitmask" }),
    'sparsity_config.format: expected "dense"',
  ],
  [
    "compressed-tensors-w4-channel",
    put("layer.weight_packed", "I32", [20, 9]),
    "layer.weight_shape: expected [20, 72], or fewer columns in as many words, as layer.weight_packed has at 4 bits, got [20, 64]",
  ],
  ["gptq-w4", set("rotation", "hadamard"), 'quantization_config.rotation: expected none, got "hadamard"'],
  [
    "compressed-tensors-float-quantized-block",
    set(`${WEIGHTS}.block_structure`, [8]),
    "weights.block_structure: expected two positive integers, got [8]",
  ],
  [
    "compressed-tensors-int-quantized-channel",
    set(`${WEIGHTS}.type`, "float"),
    "layer.weight: expected F8_E4M3 [out, in], got I8 [20, 64]",
  ],
  [
    "fp8-tiles",
    set("weight_block_size", [16, 16]),
    "layer.weight_scale_inv: expected F32 or BF16 or F16 or F8_E8M0 or U8 [2, 2] or [24, 1], got F32 [3, 2]. weight_block_size",
  ],
  [
    "fp8-tiles",
    set("weight_block_size", [0, 16]),
    "quantization_config.weight_block_size: expected two positive integers, got [0,16]",
  ],
  [
    "fp8-tiles",
    set("ignored_layers", ["layer"]),
    "layer.weight: expected a weight that is not quantised, as config.json: quantization_config.ignored_layers says",
  ],
  [
    "mxfp4-experts",
    set("modules_to_not_convert", ["experts"]),
    "experts.down_proj_blocks: expected a weight that is not quantised",
  ],
  ["modelopt-nvfp4", set("quant_algo", "W4A8_AWQ"), 'quantization_config.quant_algo: expected one of "NVFP4"'],
  [
    "modelopt-nvfp4",
    set("group_size", 32),
    "model.layers.1.mlp.gate_proj.weight_scale: expected F8_E4M3 [20, 2], got F8_E4M3 [20, 4]",
  ],
  [
    "modelopt-nvfp4",
    set("ignore", ["*mlp.gate_proj*"]),
    "model.layers.1.mlp.gate_proj.weight: expected a weight that is not quantised",
  ],
  ["mlx-w4", set("bits", 7), "quantization_config.bits: expected one of 2, 3, 4, 5, 6, 8, got 7"],
  ["mlx-w4", set("bits", 8), "layer.scales: expected F32 or F16 or BF16 [12, 2], got BF16 [12, 4]"],
  ["mlx-w4", set("group_size", 48), "layer.weight: expected columns in groups of 48"],
  ["mlx-w4", set("mode", "mxfp4"), "layer.scales: expected U8 [12, 4], got BF16 [12, 4]"],
  [
    "mlx-w4",
    set("layer", false),
    'layer.scales: expected a weight that is not quantised, as config.json: quantization_config["layer"] says',
  ],
  [
    "bitsandbytes-nf4",
    set("llm_int8_skip_modules", ["layer"]),
    "layer.weight: expected a weight that is not quantised",
  ],
  [
    "auto-round-auto-round-w4",
    set("packing_format", "auto_round:fp8"),
    'quantization_config.packing_format: expected one of "auto_round", "auto_round:auto_gptq"',
  ],
  ["auto-round-auto-round-w4", set("data_type", "mx_fp"), 'quantization_config.data_type: expected "int", got "mx_fp"'],
  [
    "auto-round-auto-round-w4",
    set("extra_config", { layer: { bits: 16 } }),
    "layer.qweight: expected a weight that is not quantised, as config.json: quantization_config.extra_config says",
  ],
  [
    "auto-round-auto-round-w8",
    set("packing_format", "auto_round:auto_awq"),
    "quantization_config.bits: expected 4, got 8",
  ],
  // Tensors
  ["gptq-w4", drop("layer.qzeros"), "layer.qzeros: expected I32 [3, 4], got no such tensor"],
  [
    "gptq-w4",
    drop("layer.qweight"),
    "config.json: quantization_config: expected weights quantised as it says, with tensors such as X.qweight, got none",
  ],
  ["gptq-w4", put("layer.qzeros", "I32", [4, 3]), "layer.qzeros: expected I32 [3, 4], got I32 [4, 3]"],
  [
    "gptq-w4",
    put("layer.scales", "F16", [32, 3]),
    "layer.scales: expected F32 or F16 or BF16 [3, 32], got F16 [32, 3]",
  ],
  [
    "gptq-w4",
    put("layer.qweight", "I64", [12, 32]),
    "layer.qweight: expected I32 [in · 4 / 32, out], got I64 [12, 32]",
  ],
  ["gptq-w4", put("layer.g_idx", "I32", [95]), "layer.g_idx: expected I32 or I64 [96], got I32 [95]"],
  [
    "gptq-w4",
    put("layer.weight", "F16", [32, 96]),
    "layer.weight: expected a weight that is stored once, got the weight, and layer.qweight as well",
  ],
  ["awq-gemm", drop("layer.qzeros"), "layer.qzeros: expected I32 [3, 4], got no such tensor"],
  [
    "awq-gemm",
    put("layer.qweight", "I32", [96, 4, 1]),
    "layer.qweight: expected I32 [in, out / 8], got I32 [96, 4, 1]",
  ],
  [
    "compressed-tensors-w4-asymmetric",
    drop("layer.weight_zero_point"),
    "layer.weight_zero_point: expected I32 [3, 4], got no such tensor",
  ],
  [
    "compressed-tensors-w4",
    put("layer.weight_packed", "I32", [20, 9]),
    "layer.weight_scale: expected scales of 72 columns in groups of 16, as there are in 9 words of 4 bits, got [20, 4]",
  ],
  [
    "compressed-tensors-w4-actorder",
    put("layer.weight_g_idx", "I32", [63]),
    "layer.weight_g_idx: expected I32 or I64 [64], got I32 [63]",
  ],
  [
    "compressed-tensors-nvfp4",
    drop("layer.weight_global_scale"),
    "layer.weight_global_scale: expected F32 or F16 or BF16 [1] or [], got no such tensor",
  ],
  [
    "compressed-tensors-mxfp4",
    put("layer.weight_scale", "U8", [20, 3]),
    "layer.weight_scale: expected U8 or F8_E8M0 [20, 2], got U8 [20, 3]",
  ],
  [
    "compressed-tensors-mxfp8",
    drop("layer.weight"),
    "layer.weight_scale: expected layer.weight or layer.weight_packed beside it, got neither",
  ],
  [
    "compressed-tensors-w4",
    put("other.weight", "I8", [8, 8]),
    "other.weight: expected values in a float dtype, or a weight that the quantisation config describes, got I8 [8, 8]",
  ],
  ["fp8-tiles", drop("layer.weight_scale_inv"), "layer.weight_scale_inv: expected"],
  [
    "fp8-tiles",
    put("other.weight", "F8_E4M3", [8]),
    "other.weight: expected a matrix or a stack of matrices, got F8_E4M3 [8]",
  ],
  [
    "mxfp4-experts",
    drop("experts.down_proj_scales"),
    "experts.down_proj_scales: expected U8 or F8_E8M0 [3, 32, 1], got no such tensor",
  ],
  [
    "mxfp4-experts",
    put("experts.down_proj_blocks", "U8", [3, 32, 16]),
    "experts.down_proj_blocks: expected U8 [experts, out, in / 32, 16], got U8 [3, 32, 16]",
  ],
  [
    "mxfp4-experts",
    put("experts.down_proj_blocks", "U8", [3, 32, 1, 8]),
    "experts.down_proj_blocks: expected U8 [experts, out, in / 32, 16], got U8 [3, 32, 1, 8]",
  ],
  [
    "modelopt-nvfp4",
    drop("model.layers.1.mlp.gate_proj.weight_scale_2"),
    "model.layers.1.mlp.gate_proj.weight_scale_2: expected F32",
  ],
  ["mlx-w4", drop("layer.biases"), "layer.biases: expected F32 or F16 or BF16 [12, 4], got no such tensor"],
  ["mlx-w4", drop("layer.weight"), "layer.scales: expected layer.weight beside it, got no such tensor"],
  ["mlx-w4", put("layer.weight", "I32", [12, 16]), "layer.weight: expected U32 [out, in · 4 / 32], got I32 [12, 16]"],
  ["bitsandbytes-nf4", drop("layer.weight.quant_map"), "layer.weight.quant_map: expected F32 [16], got no such tensor"],
  [
    "bitsandbytes-nf4",
    drop("layer.weight.quant_state.bitsandbytes__nf4"),
    "layer.weight.quant_state.bitsandbytes__nf4: expected",
  ],
  [
    "bitsandbytes-nf4",
    put("layer.weight.quant_state.bitsandbytes__nf4", "U8", [2]),
    "layer.weight.quant_state.bitsandbytes__nf4: expected JSON",
  ],
  [
    "bitsandbytes-nf4",
    put("layer.weight", "U8", [100, 1]),
    "layer.weight: expected 1536 bytes for [48, 64], as layer.weight.quant_state.bitsandbytes__nf4 says, got 100",
  ],
  [
    "bitsandbytes-int8",
    put("layer.SCB", "F32", [13]),
    "layer.SCB: expected F32 or F16 [12] or [12, 1] or [1, 12], got F32 [13]",
  ],
  [
    "bitsandbytes-int8",
    put("layer.weight_format", "U8", [], 2),
    "layer.weight_format: expected 0, rows, got 2, a layout of a GPU",
  ],
])("%s with %j", async (fixture, edit, message) => {
  const error = await errorOf(open(fixture, edit));
  expect(error).toBeInstanceOf(QuantizationError);
  expect((error as Error).message).toContain(message);
});

test.each(["gptq-desc-act", "compressed-tensors-w4-actorder"])(
  "%s with a group that does not exist",
  async (fixture) => {
    const index = fixture.startsWith("gptq") ? "layer.g_idx" : "layer.weight_g_idx";
    const source = await open(fixture, put(index, "I32", [fixture.startsWith("gptq") ? 96 : 64], 9));
    const reading = source.tensor("layer.weight").read();
    await expect(reading).rejects.toThrow(new RegExp(`^${index}: expected groups from 0 to [23], got 9 for column 0`));
  },
);

function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function open(fixture: string, edit: Edit): Promise<TensorSource> {
  const file = fileURLToPath(new URL(`__fixtures__/${fixture}.safetensors`, import.meta.url));
  await using whole = await openSafetensors(file);
  const tensors = new Map<string, TensorView>();
  for (const name of whole.names) {
    const { dtype, shape } = whole.tensor(name);
    const view = viewOfBytes(name, dtype, shape, await whole.tensor(name).read());
    if (!name.startsWith("expected ")) tensors.set(name, view);
  }
  const json = JSON.parse(whole.metadata.quantization_config!) as Record<string, unknown>;
  if ("drop" in edit) expect(tensors.delete(edit.drop)).toBe(true);
  else if ("key" in edit) change(json, edit.key.split("."), edit.value);
  else tensors.set(edit.tensor, filled(edit.tensor, edit));
  return await quantizedSource(sourceOf(tensors), { json, where: "config.json: quantization_config" });
}

function change(json: Record<string, unknown>, [key, ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) json[key!] = value;
  else change(json[key!] as Record<string, unknown>, rest, value);
}

function filled(
  name: string,
  { dtype, shape, fill = 0 }: { readonly dtype: Dtype; readonly shape: readonly number[]; readonly fill?: number },
): TensorView {
  const bytes = new Uint8Array(shape.reduce((all, size) => all * size, bytesPerElement(dtype)));
  for (let i = 0; i < bytes.length; i += bytesPerElement(dtype)) bytes[i] = fill;
  expect(toFloat32(bytes, dtype).every((value) => fill === 0 || value !== 0)).toBe(true);
  return viewOfBytes(name, dtype, shape, bytes);
}

function sourceOf(tensors: ReadonlyMap<string, TensorView>): TensorSource {
  return {
    names: [...tensors.keys()],
    metadata: {},
    has: (name) => tensors.has(name),
    tensor: (name) => tensors.get(name)!,
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}
