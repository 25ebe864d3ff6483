import { type Dtype, quantizedView, type TensorSource, toFloat32 } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";
import { codebook } from "../formats/codebook.js";
import { tiled } from "../formats/tiled.js";
import { ConfigReader } from "./config-reader.js";
import { companion, modulesWith, payload, refuseExcluded } from "./find-tensors.js";
import type { QuantizationMethod, QuantizedWeight } from "./method.js";
import { pathPatterns } from "./module-patterns.js";
import { viewWithDtype } from "./recast-view.js";

const STATE = ".weight.quant_state.bitsandbytes__";

/**
 * Checkpoints of bitsandbytes. 4 bits (NF4, FP4): `X.weight`, `X.weight.absmax`, `X.weight.quant_map`, and
 * `X.weight.quant_state.bitsandbytes__nf4`, which has the shape; with double quantisation also `X.weight.nested_absmax` and
 * `X.weight.nested_quant_map`. 8 bits (LLM.int8): `X.weight` and `X.SCB`.
 */
export const bitsandbytesMethod: QuantizationMethod = {
  names: ["bitsandbytes"],
  stores: "X.weight.absmax or X.SCB",
  describes: (config) => config.has("load_in_4bit") || config.has("load_in_8bit"),
  async *find(tensors, config, savedAs) {
    const key = "llm_int8_skip_modules";
    const isExcluded = pathPatterns(config.texts(key));
    const check = (module: string): void => {
      if (isExcluded(module)) refuseExcluded(`${module}.weight`, `${config.where}.${key}`);
    };
    for (const module of modulesWith(tensors, ".weight.absmax")) {
      check(module);
      yield await weight4(tensors, module, savedAs);
    }
    for (const module of modulesWith(tensors, ".SCB")) {
      check(module);
      yield await weight8(tensors, module, savedAs);
    }
  },
};

async function weight4(tensors: TensorSource, module: string, savedAs: Dtype): Promise<QuantizedWeight> {
  const name = (suffix: string): string => `${module}.weight.${suffix}`;
  const type = ["nf4", "fp4"].find((one) => tensors.has(`${module}${STATE}${one}`)) ?? "nf4";
  const stateName = `${module}${STATE}${type}`;
  const state = await readState(tensors, stateName);
  const [rows, columns] = state.pair("shape");
  const blockSize = state.integer("blocksize");
  const blocks = Math.ceil((rows * columns) / blockSize);
  const stored = companionOfAnyShape(tensors, `${module}.weight`);
  const bytes = Math.ceil((rows * columns) / 2);
  if (stored.byteLength !== bytes)
    throw new QuantizationError({
      where: `${module}.weight`,
      expected: `${bytes} bytes for [${rows}, ${columns}], as ${stateName} says`,
      got: `${stored.byteLength}: ${stored.dtype} [${stored.shape.join(", ")}]`,
    });
  const isNested = tensors.has(name("nested_absmax"));
  const nested = isNested
    ? { blockSize: state.integer("nested_blocksize"), offset: Math.fround(state.number("nested_offset")) }
    : undefined;
  const planes = {
    weight: viewWithDtype(stored, "U8", [bytes]),
    absmax: companion(tensors, name("absmax"), { dtypes: [isNested ? "U8" : "F32"], shapes: [[blocks]] }),
    codebook: companion(tensors, name("quant_map"), { dtypes: ["F32"], shapes: [[16]] }),
    ...(nested && {
      nestedAbsmax: companion(tensors, name("nested_absmax"), {
        dtypes: ["F32"],
        shapes: [[Math.ceil(blocks / nested.blockSize)]],
      }),
      nestedCodebook: companion(tensors, name("nested_quant_map"), { dtypes: ["F32"], shapes: [[256]] }),
    }),
  };
  const view = quantizedView({
    name: `${module}.weight`,
    shape: [rows, columns],
    savedAs: DTYPES[state.text("dtype", "")] ?? savedAs,
    format: codebook({ name: type, blockSize, ...(nested && { nested }) }),
    planes,
  });
  const own = ["absmax", "quant_map", ...(nested ? ["nested_absmax", "nested_quant_map"] : [])].map(name);
  return { view, tensors: [`${module}.weight`, stateName, ...own] };
}

/** Names of dtypes in torch. */
const DTYPES: Readonly<Record<string, Dtype>> = { float32: "F32", float16: "F16", bfloat16: "BF16" };

/** Reads the JSON that a tensor has as its bytes. */
async function readState(tensors: TensorSource, name: string): Promise<ConfigReader> {
  const view = companionOfAnyShape(tensors, name);
  const text = new TextDecoder().decode(await view.read());
  try {
    return ConfigReader.parse(text, name);
  } catch (cause) {
    throw new QuantizationError({ where: name, expected: "JSON", got: text.slice(0, 40), cause });
  }
}

async function weight8(tensors: TensorSource, module: string, savedAs: Dtype): Promise<QuantizedWeight> {
  const name = (suffix: string): string => `${module}.${suffix}`;
  if (!tensors.has(name("weight"))) companionOfAnyShape(tensors, name("weight"));
  const weight = payload(tensors, name("weight"), { dtypes: ["I8"], axes: ["out", "in"] });
  const [rows, columns] = weight.shape as [number, number];
  const scale = companion(tensors, name("SCB"), { dtypes: ["F32", "F16"], shapes: [[rows], [rows, 1], [1, rows]] });
  const own = ["weight", "SCB"];
  if (tensors.has(name("weight_format"))) {
    own.push("weight_format");
    const layout = tensors.tensor(name("weight_format"));
    const [code] = toFloat32(await layout.read(), layout.dtype);
    if (code !== 0)
      throw new QuantizationError({
        where: name("weight_format"),
        expected: "0, rows",
        got: `${code}, a layout of a GPU`,
        fix: "Save the model again with a recent version of bitsandbytes",
      });
  }
  const view = quantizedView({
    name: name("weight"),
    shape: [rows, columns],
    savedAs,
    format: tiled({ name: "int8", tile: [1, columns], factor: Math.fround(1 / 127) }),
    planes: { weight, scale: viewWithDtype(scale, scale.dtype, [rows]) },
  });
  return { view, tensors: own.map(name) };
}

function companionOfAnyShape(tensors: TensorSource, name: string): ReturnType<TensorSource["tensor"]> {
  if (tensors.has(name)) return tensors.tensor(name);
  throw new QuantizationError({
    where: name,
    expected: "a part of a quantised weight",
    got: "no such tensor",
    fix: "The checkpoint is incomplete",
  });
}
