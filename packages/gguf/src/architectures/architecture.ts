import type { TensorView } from "@mixtape/safetensors";
import type { Metadata } from "../header/metadata.js";
import type { TensorInfo } from "../header/read-header.js";

/** A model architecture of llama.cpp, as a family of Hugging Face. */
export interface Architecture {
  /** `general.architecture`. */
  readonly name: string;
  /** Makes the keys of `config.json` that not every decoder has. */
  config(model: GgufModel): Readonly<Record<string, unknown>>;
  /** Names of the tensors of a layer: what follows `blk.N.` to what follows `model.layers.N.`. */
  readonly layerNames: Readonly<Record<string, string>>;
  /** Names of the projections of an expert, below `model.layers.N.`; `*` is its number. */
  readonly experts: ExpertNames;
  /**
   * Changes the shape of a tensor whose values are the same.
   * @param name what follows `blk.N.`
   */
  shape?(name: string, shape: readonly number[]): readonly number[];
  /**
   * Changes the order of the rows of a tensor.
   * @param name what follows `blk.N.`
   */
  arrange?(name: string, view: TensorView, model: GgufModel): TensorView;
}

/** Names of the projections of expert `*`. */
export interface ExpertNames {
  readonly gate: string;
  readonly up: string;
  readonly down: string;
}

/** Header of a model: of all files, if it is split. */
export interface GgufModel {
  /** Name for errors. */
  readonly where: string;
  readonly metadata: Metadata;
  /** Divisor of the frequency of each rotated pair of features: the tensor `rope_freqs.weight`, if there is one. */
  readonly ropeFactors?: readonly number[];
  /** Tensors by name. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}
