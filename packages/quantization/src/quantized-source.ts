import type { Dtype, TensorSource, TensorView } from "@mixtape/safetensors";
import { QuantizationError } from "./errors.js";
import { autoRoundMethod } from "./methods/auto-round.js";
import { awqMethod } from "./methods/awq.js";
import { bitsandbytesMethod } from "./methods/bitsandbytes.js";
import { compressedTensors } from "./methods/compressed-tensors.js";
import { ConfigReader } from "./methods/config-reader.js";
import { fp8Method } from "./methods/fp8.js";
import { gptqMethod } from "./methods/gptq.js";
import type { QuantizationMethod, QuantizedWeight } from "./methods/method.js";
import { mlxMethod } from "./methods/mlx.js";
import { modeloptMethod } from "./methods/modelopt.js";
import { mxfp4Method } from "./methods/mxfp4.js";

const METHODS: readonly QuantizationMethod[] = [
  gptqMethod,
  awqMethod,
  autoRoundMethod,
  mxfp4Method,
  compressedTensors,
  modeloptMethod,
  mlxMethod,
  bitsandbytesMethod,
  fp8Method,
];

/** Quantisation of a checkpoint, as its files describe it. */
export interface Quantization {
  /** The config: `quantization_config` of `config.json`. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Name of the config, for errors: `config.json: quantization_config`. */
  readonly where: string;
  /** Dtype that the weights had before they were quantised, in which the model is saved. Default: BF16. */
  readonly savedAs?: Dtype;
}

/**
 * Presents a quantised checkpoint as one that is not: each weight has its usual name, and is decoded when it is read.
 * Tensors that belong to no quantised weight are left as they are. No values are read but the shapes that some formats
 * store as tensors.
 * @throws {QuantizationError} for an unknown method, for a config that asks for something that is not read, and for tensors
 *   that contradict the config
 */
export async function quantizedSource(
  source: TensorSource,
  { json, where, savedAs = "BF16" }: Quantization,
): Promise<TensorSource> {
  const config = new ConfigReader(json, where);
  const method = methodOf(config);
  const weights: QuantizedWeight[] = [];
  for await (const weight of method.find(source, config, savedAs)) weights.push(weight);
  if (weights.length === 0)
    throw new QuantizationError({
      where,
      expected: `weights quantised as it says, with tensors such as ${method.stores}`,
      got: "none in the checkpoint",
      fix: "If its weights are not quantised, remove this part of the config",
    });
  return new QuantizedSource(source, weights);
}

function methodOf(config: ConfigReader): QuantizationMethod {
  if (!config.has("quant_method")) {
    const method = METHODS.find(({ describes }) => describes?.(config));
    if (method) return method;
  }
  const known = METHODS.flatMap(({ names }) => names);
  const fix = "Use a version of the checkpoint in one of these, or in bfloat16";
  const name = config.oneOf("quant_method", known, undefined, fix);
  return METHODS.find(({ names }) => names.includes(name))!;
}

class QuantizedSource implements TensorSource {
  readonly names: readonly string[];
  readonly #source: TensorSource;
  readonly #weights = new Map<string, TensorView>();
  readonly #plain: ReadonlySet<string>;

  constructor(source: TensorSource, weights: Iterable<QuantizedWeight>) {
    this.#source = source;
    const hidden = new Set<string>();
    for (const { view, tensors } of weights) {
      if (source.has(view.name) && !tensors.includes(view.name))
        throw new QuantizationError({
          where: view.name,
          expected: "a weight that is stored once",
          got: `the weight, and ${tensors[0]} as well`,
        });
      this.#weights.set(view.name, view);
      for (const name of tensors) hidden.add(name);
    }
    this.#plain = new Set(source.names.filter((name) => !hidden.has(name)));
    for (const name of this.#plain) refusePacked(source.tensor(name));
    this.names = [...this.#plain, ...this.#weights.keys()];
  }

  get metadata(): TensorSource["metadata"] {
    return this.#source.metadata;
  }

  has(name: string): boolean {
    return this.#weights.has(name) || this.#plain.has(name);
  }

  tensor(name: string): TensorView {
    return this.#weights.get(name) ?? this.#source.tensor(name);
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Dtypes that hold packed values, or values without their scales. */
const PACKED = /^(I8|U8|I32|U32|F8|F6|F4)/;

/** Names of weights; other tensors may hold integers, such as masks. */
const WEIGHTS = /(^|[._])(weight|weight_packed|qweight|blocks|proj)$/;

/** @throws {QuantizationError} for packed values that belong to no weight */
function refusePacked({ name, dtype, shape }: TensorView): void {
  if (!PACKED.test(dtype) || !WEIGHTS.test(name) || shape.length < 2) return;
  throw new QuantizationError({
    where: name,
    expected: "values in a float dtype, or a weight that the quantisation config describes",
    got: `${dtype} [${shape.join(", ")}]`,
    fix: "The quantisation config belongs to another checkpoint, or the tensors beside it are missing",
  });
}
