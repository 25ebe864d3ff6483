/** Loads the addon, the compiled half of this package. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, env, platform } from "node:process";
import { fileURLToPath } from "node:url";
import { NativeError } from "./errors.js";

/** Weight in its storage format, in memory or in a mapped file. Opaque; freed by `release`. */
export interface NativeWeight {
  readonly brand: "NativeWeight";
}

/** A mapped file. Weights in it keep it alive. */
export interface NativeFile {
  readonly brand: "NativeFile";
}

/** Keys and values of one layer of a KV cache. Opaque; freed by `release`. */
export interface NativeKeyValues {
  readonly brand: "NativeKeyValueStore";
}

/** Calls of the addon that are replayed together. Opaque; freed by `release`. */
export interface NativeCapturedGraph {
  readonly brand: "NativeCapturedGraph";
}

/** Numbers of the storage formats in the addon. */
export const DTYPES = { F32: 0, BF16: 1, F16: 2 } as const;
export type NativeDtype = keyof typeof DTYPES;

/** Whether activations are rounded to bfloat16 before they meet bfloat16 weights. */
export const PRECISIONS = { bfloat16: 0, float32: 1 } as const;
/** Rounding of activations before they multiply bfloat16 weights. */
export type Precision = keyof typeof PRECISIONS;

/** Values of 32 bits, copied as they are. */
export type Buffer32 = Float32Array | Int32Array;

/** Functions of the addon. Each checks all arguments, and throws a {@link NativeError}. */
export interface Addon {
  onError(make: (where: string, expected: string, got: string) => Error): void;
  info(): { isa: string; isas: string[]; threads: number; processors: number };
  /** Reads all bytes on all threads; returns a number that depends on them. */
  readAll(bytes: Uint8Array): number;
  /** Multiplies and adds numbers in registers on all threads; returns how many operations those were. */
  multiplyRounds(precision: number, rounds: number): number;
  setThreads(count: number): void;
  openFile(path: string): NativeFile;
  /** `parts[i]` is a matrix `[rows, columns]` at `offsets[i]` of `files[i]`. */
  mapWeight(dtype: number, rows: number, columns: number, files: NativeFile[], offsets: Float64Array): NativeWeight;
  copyWeight(dtype: number, rows: number, columns: number, parts: Uint8Array[]): NativeWeight;
  /** The same memory, each part as `count` parts of equally many rows. */
  splitWeight(weight: NativeWeight, count: number): NativeWeight;
  decodeWeight(out: Float32Array, weight: NativeWeight): void;
  release(handle: NativeWeight | NativeFile | NativeKeyValues | NativeCapturedGraph): void;
  linear(
    out: Float32Array,
    x: Float32Array,
    weight: NativeWeight | Float32Array,
    bias: Float32Array | null,
    width: number,
    precision: number,
  ): void;
  /**
   * Computes the backward pass of `linear`: `dy` `[tokens, rows]`, the weight `[rows, width]`, `out` `[tokens, width]`, to which
   * the result is added if `add` is set.
   */
  linearBack(
    out: Float32Array,
    dy: Float32Array,
    weight: NativeWeight | Float32Array,
    rows: number,
    precision: number,
    add: boolean,
  ): void;
  /** Matrix `i` of `out` `[m, n]` is the product of `left[i]` of `a` `[m, depth]` and `right[i]` of `b` `[depth, n]`. */
  matMul(
    out: Float32Array,
    a: NativeWeight | Float32Array,
    b: NativeWeight | Float32Array,
    left: Int32Array,
    right: Int32Array,
    m: number,
    depth: number,
    n: number,
    transposeA: boolean,
    transposeB: boolean,
  ): void;
  /**
   * `x` `[…, width]`, `gate` and `up` `[inner, width]`, `down` `[width, inner]`, biases as long as their rows; `gating` is its kind and
   * the numbers of its formula.
   */
  gatedMlp(
    out: Float32Array,
    x: Float32Array,
    gate: NativeWeight | Float32Array,
    up: NativeWeight | Float32Array,
    down: NativeWeight | Float32Array,
    gateBias: Float32Array | null,
    upBias: Float32Array | null,
    downBias: Float32Array | null,
    width: number,
    inner: number,
    gating: Float32Array,
    precision: number,
  ): void;
  /**
   * `x` `[tokens, width]`, `indices` (−1 for none) and `weights` `[tokens, choices]`, the stacks of `count` matrices, and as many biases,
   * as those of `gatedMlp`.
   */
  experts(
    out: Float32Array,
    x: Float32Array,
    indices: Int32Array,
    weights: Float32Array,
    gate: NativeWeight | Float32Array,
    up: NativeWeight | Float32Array,
    down: NativeWeight | Float32Array,
    gateBias: Float32Array | null,
    upBias: Float32Array | null,
    downBias: Float32Array | null,
    count: number,
    width: number,
    inner: number,
    gating: Float32Array,
    precision: number,
  ): void;
  /** The backward pass of `experts`: gradients that are not null. `shape` is the number of experts, width, inner and precision. */
  expertsBack(
    gradX: Float32Array | null,
    gradWeights: Float32Array | null,
    gradGate: Float32Array | null,
    gradUp: Float32Array | null,
    gradDown: Float32Array | null,
    gradGateBias: Float32Array | null,
    gradUpBias: Float32Array | null,
    gradDownBias: Float32Array | null,
    x: Float32Array,
    indices: Int32Array,
    weights: Float32Array,
    dy: Float32Array,
    gate: NativeWeight | Float32Array,
    up: NativeWeight | Float32Array,
    down: NativeWeight | Float32Array,
    gateBias: Float32Array | null,
    upBias: Float32Array | null,
    downBias: Float32Array | null,
    shape: Int32Array,
    gating: Float32Array,
  ): void;
  /** `x` `[rows, length, width]` to `[rows, heads, length, headDim]` each. */
  projectHeads(
    q: Float32Array,
    k: Float32Array,
    v: Float32Array,
    x: Float32Array,
    qWeight: NativeWeight | Float32Array,
    kWeight: NativeWeight | Float32Array,
    vWeight: NativeWeight | Float32Array,
    qBias: Float32Array | null,
    kBias: Float32Array | null,
    vBias: Float32Array | null,
    width: number,
    length: number,
    headDim: number,
    precision: number,
  ): void;
  /** Rows as long as the scale. */
  rmsNorm(out: Float32Array, x: Float32Array, scale: Float32Array, residual: Float32Array | null, eps: number): void;
  rmsNormBack(
    gradX: Float32Array | null,
    gradScale: Float32Array | null,
    x: Float32Array,
    scale: Float32Array,
    dy: Float32Array,
    eps: number,
  ): void;
  /** The logits are `[targets, vocabulary]`. */
  crossEntropy(out: Float32Array, logits: Float32Array, targets: Int32Array): void;
  crossEntropyBack(out: Float32Array, logits: Float32Array, targets: Int32Array, dy: Float32Array): void;
  /** `x` `[…, length, width]`, the tables `[…, length, rotaryDim]`. */
  rotary(
    out: Float32Array,
    x: Float32Array,
    cos: Float32Array,
    sin: Float32Array,
    length: number,
    width: number,
    rotaryDim: number,
    interleaved: boolean,
  ): void;
  gate(out: Float32Array, gate: Float32Array, up: Float32Array, gating: Float32Array): void;
  gateBack(
    gradGate: Float32Array,
    gradUp: Float32Array,
    gate: Float32Array,
    up: Float32Array,
    dy: Float32Array,
    gating: Float32Array,
  ): void;
  /** `params` are beta1, beta2, eps, decayFactor, stepSize, inverseSqrtBiasCorrection2 and gradientScale, as in `AdamWParams` of the addon. */
  adamW(
    weightOut: Float32Array,
    meanOut: Float32Array,
    varianceOut: Float32Array,
    weight: Float32Array,
    mean: Float32Array,
    variance: Float32Array,
    gradient: Float32Array | null,
    params: Float64Array,
  ): void;
  /** `out` is one number. */
  sumSquares(out: Float32Array, x: Float32Array): void;
  embedding(out: Float32Array, ids: Int32Array, weight: NativeWeight | Float32Array, rows: number): void;
  /** Indices and weights are `[tokens, k]`, the logits `[tokens, experts]`. */
  chooseExperts(
    indices: Int32Array,
    weights: Float32Array,
    logits: Float32Array,
    bias: Float32Array | null,
    experts: number,
    k: number,
    softmax: boolean,
    normalize: boolean,
    scale: number,
  ): void;
  topKIndices(out: Int32Array, scores: Float32Array, width: number, k: number): void;
  takeAlongAxis(out: Float32Array, x: Float32Array, indices: Int32Array, width: number, k: number): void;
  /**
   * Without axes the shorter operand, whose length divides the other's, is repeated. With axes each is three numbers: its size
   * and the strides of a and b; those of the last axis are 0 or 1.
   */
  binary(out: Float32Array, a: Float32Array, b: Float32Array, operation: number, axes?: Float64Array): void;
  unary(out: Float32Array, x: Float32Array, operation: number): void;
  /** Row by row; `out` has a number for each row of `x`. */
  sumRows(out: Float32Array, x: Float32Array, divisor: number): void;
  maxRows(out: Float32Array, x: Float32Array): void;
  /** `x` `[outer, n, inner]` to `[outer, inner]`. */
  sumColumns(out: Float32Array, x: Float32Array, inner: number): void;
  softmax(out: Float32Array, x: Float32Array, width: number): void;
  /** Copies along axes of three numbers each: a size, a stride in `out` and a stride in `x`. */
  stridedCopy(out: Buffer32, outOffset: number, x: Buffer32, xOffset: number, axes: Float64Array): void;
  /** `x` `[outer, rows, width]` to `[outer, indices, width]`. */
  gather(out: Buffer32, x: Buffer32, indices: Int32Array, outer: number, rows: number): void;
  /** `x` `[ids, width]` to `[segments, width]`. */
  segmentSum(out: Float32Array, x: Float32Array, ids: Int32Array, width: number): void;
  /** Creates an empty key-value store of float32 or bfloat16. */
  createKeyValueStore(dtype: number): NativeKeyValues;
  /**
   * `keys` are `[rows, heads, count, width]`, `values` `[rows, heads, count, valueWidth]`, or null where they are the first numbers
   * of the keys.
   */
  appendKeyValues(
    store: NativeKeyValues,
    keys: Float32Array,
    values: Float32Array | null,
    rows: number,
    heads: number,
    count: number,
    width: number,
    valueWidth: number,
  ): void;
  evictKeyValues(store: NativeKeyValues, count: number): void;
  truncateKeyValues(store: NativeKeyValues, length: number): void;
  reorderKeyValues(store: NativeKeyValues, rows: Int32Array): void;
  /** The keys, or the values: `[rows, heads, length, width]`. */
  readKeyValues(out: Float32Array, store: NativeKeyValues, values: boolean): void;
  /** Returns the size of its blocks in bytes. */
  keyValueStoreBytes(store: NativeKeyValues): number;
  /** Creates a graph: call i is of the function `names[i]`, one that can be captured, with the arguments `lists[i]`. */
  createGraph(names: string[], lists: (readonly unknown[])[]): NativeCapturedGraph;
  /** Replays all calls in turn. `made` receives the number of calls made, also if one fails. */
  replayGraph(graph: NativeCapturedGraph, made: Int32Array): void;
  /** `shape` is rows, heads, groups, queries, keys, width. If `keys` are a store, `values` is null and the number of keys 0. */
  attention(
    out: Float32Array,
    q: Float32Array,
    keys: NativeKeyValues | Float32Array,
    values: Float32Array | null,
    tokens: Int32Array | null,
    shape: Int32Array,
    window: number | null,
    scale: number,
    starts: Int32Array | null,
    sinks: Float32Array | null,
  ): void;
  /** `shape` is rows, length, groups, heads, key width, value width. Without `eps`, queries and keys are taken as they are. */
  gatedDeltaRule(
    output: Float32Array,
    next: Float32Array,
    q: Float32Array,
    k: Float32Array,
    v: Float32Array,
    g: Float32Array,
    beta: Float32Array,
    state: Float32Array | null,
    shape: Int32Array,
    scale: number,
    eps: number | null,
  ): void;
  /** `x` is `[rows, length, width]`, `weight` `[width, taps]`, `past` and `next` `[rows, taps − 1, width]`. */
  causalConvolution(
    y: Float32Array,
    next: Float32Array,
    x: Float32Array,
    weight: Float32Array,
    past: Float32Array | null,
    rows: number,
    length: number,
    width: number,
    taps: number,
  ): void;
  /** Computes the backward pass of `attention`; `shape` and the others as there, keys and values as arrays. */
  attentionBack(
    gradQ: Float32Array,
    gradKeys: Float32Array,
    gradValues: Float32Array,
    q: Float32Array,
    keys: Float32Array,
    values: Float32Array,
    dy: Float32Array,
    tokens: Int32Array | null,
    starts: Int32Array | null,
    shape: Int32Array,
    window: number | null,
    scale: number,
  ): void;
}

let loaded: Addon | undefined;
let listening: Addon | undefined;

/**
 * Loads the addon: from `MIXTAPE_NATIVE_BINARY` if set, else as built here, else from the package of this platform.
 * @throws {NativeError} naming each place that was tried, and why it failed.
 */
export function addon(): Addon {
  loaded ??= load();
  return listening ?? loaded;
}

/** Runs `f` with another addon, which passes on its calls. */
export function withAddon<T>(other: Addon, f: () => T): T {
  listening = other;
  try {
    return f();
  } finally {
    listening = undefined;
  }
}

function load(): Addon {
  const require = createRequire(import.meta.url);
  const reasons: string[] = [];
  for (const path of places()) {
    try {
      const found = require(path) as Addon;
      found.onError((where, expected, got) => new NativeError({ where, expected, got }));
      return found;
    } catch (error) {
      reasons.push(`${path}: ${firstLine(error)}`);
    }
  }
  throw new NativeError({
    where: "@mixtape/native",
    expected: `a binary for ${platform}-${arch}`,
    got: reasons.join("; ") || "none",
    fix: `Install @mixtape/native-${platform}-${arch}, or build it from the repository with a C++ compiler`,
  });
}

function places(): string[] {
  if (env.MIXTAPE_NATIVE_BINARY) return [env.MIXTAPE_NATIVE_BINARY];
  const name = `${platform}-${arch}`;
  const built = fileURLToPath(new URL(`../platforms/${name}/mixtape.node`, import.meta.url));
  return [...(existsSync(built) ? [built] : []), `@mixtape/native-${name}`];
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n", 1)[0]!;
}
