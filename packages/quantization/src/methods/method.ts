import type { Dtype, TensorSource, TensorView } from "@mixtape/safetensors";
import type { ConfigReader } from "./config-reader.js";

/** A way in which a library stores quantised weights. One file per method. */
export interface QuantizationMethod {
  /** Its values of `quant_method`. */
  readonly names: readonly string[];
  /** Name of the tensor with the codes of a module `X`, for errors. */
  readonly stores: string;
  /** Whether a config without `quant_method` is one of this method. Default: never. */
  readonly describes?: (config: ConfigReader) => boolean;
  /**
   * Finds the quantised weights of a checkpoint. Tensors that it does not find are left as they are.
   * @throws {QuantizationError} for a config that asks for something else, and for tensors that contradict it
   */
  find(
    tensors: TensorSource,
    config: ConfigReader,
    savedAs: Dtype,
  ): Iterable<QuantizedWeight> | AsyncIterable<QuantizedWeight>;
}

/** A weight of several tensors. */
export interface QuantizedWeight {
  /** The weight, with its name in a checkpoint that is not quantised. */
  readonly view: TensorView;
  /** Names of the tensors that it consists of, or that only serve to compute with it. */
  readonly tensors: readonly string[];
}
