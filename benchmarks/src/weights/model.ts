/**
 * A model with random weights: the common description of its two files, in Hugging Face's format and in llama.cpp's.
 */

import type { BlockFormat } from "./blocks.js";
import type { TypedValue } from "./gguf-vocabulary.js";
import { bfloat16Values, type Distribution } from "./values.js";

/** One tensor of GGUF, which may be several in a Hugging Face checkpoint. */
export interface Weight {
  /** Name in a Hugging Face checkpoint; for experts with `*` for the expert's number. */
  readonly name: string;
  readonly gguf: string;
  /** Shape of one expert, if it has experts. */
  readonly shape: readonly number[];
  /** Number of experts that GGUF stacks along a first axis. */
  readonly experts?: number;
  readonly distribution: Distribution;
  /** Storage in each format. */
  readonly stored: Stored;
  /** llama.cpp rotates adjacent features where Hugging Face rotates halves: rows of each head are in its order. */
  readonly interleavedHeads?: number;
  /** Format of the blocks in GGUF. Default: none, a matrix is in bfloat16 there. */
  readonly blocks?: BlockFormat;
}

/**
 * `matrix`: bfloat16 in both. `small`: bfloat16, and float32 in GGUF, as llama.cpp requires. `bias`: float32 in both.
 */
export type Stored = "matrix" | "small" | "bias";

export type GgufValue = string | number | boolean | { readonly float32: number };

export interface RandomModel {
  /** `config.json`. */
  readonly config: Readonly<Record<string, unknown>> & { readonly vocab_size: number };
  /** llama.cpp's name of the architecture, and its metadata, whose keys begin with that name. */
  readonly architecture: string;
  readonly metadata: Readonly<Record<string, GgufValue>>;
  /** Number of llama.cpp's `llama_ftype`. Default: bfloat16. */
  readonly fileType?: number;
  /** Metadata of the tokenizer. Default: a vocabulary without words. */
  readonly vocabulary?: Readonly<Record<string, TypedValue>>;
  readonly weights: readonly Weight[];
}

/** Sizes that the families share. */
export interface MoeSizes {
  readonly layers: number;
  readonly vocab: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Width of one expert. */
  readonly width: number;
  readonly experts: number;
  readonly perToken: number;
}

/** A common initialisation. */
const MATRIX: Distribution = { mean: 0, deviation: 0.02 };
/**
 * As large as the output of the layers: otherwise attention's average over all tokens, which is the same for each,
 * outweighs the token itself, and all are routed to the same few experts.
 */
export const TOKENS: Distribution = { mean: 0, deviation: 1 };
const NORM: Distribution = { mean: 1, deviation: 0.0625 };

export function matrix(name: string, gguf: string, shape: readonly number[], distribution = MATRIX): Weight {
  return { name, gguf, shape, distribution, stored: "matrix" };
}

/** Projections to rotated heads, in llama.cpp's order if it rotates adjacent features. */
export function interleaved(weight: Weight, heads: number): Weight {
  return { ...weight, interleavedHeads: heads };
}

export function experts(name: string, gguf: string, count: number, shape: readonly number[]): Weight {
  return { name, gguf, shape, experts: count, distribution: MATRIX, stored: "matrix" };
}

/** Weight of a router: small, and float32 in GGUF. */
export function router(name: string, gguf: string, shape: readonly number[]): Weight {
  return { name, gguf, shape, distribution: MATRIX, stored: "small" };
}

export function norm(name: string, gguf: string, size: number, distribution = NORM): Weight {
  return { name, gguf, shape: [size], distribution, stored: "small" };
}

export function bias(name: string, gguf: string, size: number): Weight {
  return { name, gguf, shape: [size], distribution: MATRIX, stored: "bias" };
}

/** Returns the names in a Hugging Face checkpoint: one, or one for each expert. */
export function namesOf({ name, experts }: Weight): string[] {
  if (experts === undefined) return [name];
  return Array.from({ length: experts }, (_, expert) => name.replace("*", `${expert}`));
}

/** Returns the bfloat16 values of one tensor of a Hugging Face checkpoint. Float32 storage holds these too. */
export function valuesOf({ shape, distribution }: Weight, name: string): Uint8Array {
  return bfloat16Values(name, sizeOf(shape), distribution);
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
