/** The ops as their docs define them: number by number, in float64, without tfjs. Letters as there. */

import {
  type AdamWAttributes,
  type AttentionMaskShape,
  type GatedDeltaRuleAttributes,
  type Gating,
  type RoutingSpec,
  silu,
} from "../../src/index.js";
import { sizeOf, type Values } from "./values.js";

type Numbers = ArrayLike<number>;

/** `x [rows, in]` times `w [out, in]`, both row-major. */
function product(x: Numbers, w: Numbers, width: number): Float64Array {
  const columns = w.length / width;
  return Float64Array.from({ length: (x.length / width) * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let i = 0; i < width; i++) sum += x[row * width + i]! * w[column * width + i]!;
    return sum;
  });
}

export function linear(x: Values, w: Values, bias?: Values): Float64Array {
  const [out = 0, width = 0] = w.shape;
  return product(x.values, w.values, width).map((value, at) => value + (bias?.values[at % out] ?? 0));
}

/** `[B, L, H·D]`, of which `shape` gives B and L, to `[B, H, L, D]`. */
export function splitHeads(x: Numbers, [b = 0, l = 0]: readonly number[], d: number): Float64Array {
  const h = x.length / (b * l * d);
  return Float64Array.from({ length: x.length }, (_, at) => {
    const [i, position] = [at % d, Math.floor(at / d) % l];
    const [head, row] = [Math.floor(at / (d * l)) % h, Math.floor(at / (d * l * h))];
    return x[((row * l + position) * h + head) * d + i]!;
  });
}

export function embedding(ids: Values, table: Values): number[] {
  const width = table.shape[1]!;
  return [...ids.values].flatMap((id) => [...table.values.subarray(id * width, (id + 1) * width)]);
}

export function rmsNorm(x: Values, scale: Values, eps: number): Float64Array {
  const n = scale.values.length;
  return Float64Array.from(x.values, (value, at) => {
    const row = Math.floor(at / n) * n;
    let squares = 0;
    for (let i = 0; i < n; i++) squares += x.values[row + i]! ** 2;
    return (scale.values[at % n]! * value) / Math.sqrt(squares / n + eps);
  });
}

export function rotary(x: Values, cos: Values, sin: Values, interleaved: boolean): Float64Array {
  const [, h = 0, l = 0, width = 0] = x.shape;
  const [rows = 0, , d = 0] = cos.shape;
  return Float64Array.from(x.values, (value, at) => {
    const i = at % width;
    if (i >= d) return value;
    const position = Math.floor(at / width) % l;
    const row = rows === 1 ? 0 : Math.floor(at / (h * l * width));
    const half = d / 2;
    const isFirst = interleaved ? i % 2 === 0 : i < half;
    const apart = interleaved ? 1 : half;
    const angle = (row * l + position) * d + (interleaved ? Math.floor(i / 2) + (i % 2) * half : i);
    const other = isFirst ? -x.values[at + apart]! : x.values[at - apart]!;
    return value * cos.values[angle]! + other * sin.values[angle]!;
  });
}

const ACTIVATIONS: Readonly<Record<string, (x: number) => number>> = {
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  gelu_pytorch_tanh: (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  relu: (x) => Math.max(x, 0),
  relu2: (x) => Math.max(x, 0) ** 2,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

/** By its Taylor series, which within ±4 loses six of float64's sixteen digits; beyond, what is left to 1 is 2e-8. */
function erf(x: number): number {
  if (Math.abs(x) > 4) return Math.sign(x);
  let sum = 0;
  let term = x;
  for (let n = 0; n < 80; n++) {
    sum += term / (2 * n + 1);
    term *= -(x * x) / (n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export function gate(g: Numbers, up: Numbers, { name, kernel }: Gating): Float64Array {
  if (name !== "clamped_swiglu") return Float64Array.from(g, (value, i) => ACTIVATIONS[name]!(value) * up[i]!);
  const { limit, alpha } = kernel!.parameters as { limit: number; alpha: number };
  return Float64Array.from(g, (value, i) => {
    const [a, b] = [Math.min(value, limit), Math.max(-limit, Math.min(up[i]!, limit))];
    return (b + 1) * a * (1 / (1 + Math.exp(-alpha * a)));
  });
}

/** Biases of a gated MLP, or one row of them per expert. */
export type Biases = { readonly [name in "gateBias" | "upBias" | "downBias"]?: Values };

export function gatedMlp(
  x: Numbers,
  g: Values,
  up: Values,
  down: Values,
  gating: Gating,
  biases: Biases = {},
): Float64Array {
  const map = (rows: Numbers, w: Values, bias: Values | undefined): Float64Array => {
    const [out = 0, width = 0] = w.shape;
    return product(rows, w.values, width).map((value, at) => value + (bias?.values[at % out] ?? 0));
  };
  return map(gate(map(x, g, biases.gateBias), map(x, up, biases.upBias), gating), down, biases.downBias);
}

export function experts(
  given: Readonly<Record<"x" | "indices" | "weights" | "gate" | "up" | "down", Values>> & Biases,
  gating: Gating = silu,
): Float64Array {
  const { x, indices, weights } = given;
  const [tokens = 0, k = 0] = indices.shape;
  const hidden = x.shape[1]!;
  const output = new Float64Array(tokens * hidden);
  indices.values.forEach((expert, choice) => {
    if (expert < 0) return;
    const token = Math.floor(choice / k) * hidden;
    const own = x.values.subarray(token, token + hidden);
    const [g, up, down] = [given.gate, given.up, given.down].map((stack) => matrixOf(stack, expert));
    const biasOf = (bias: Values | undefined) => bias && matrixOf(bias, expert);
    const biases = {
      gateBias: biasOf(given.gateBias),
      upBias: biasOf(given.upBias),
      downBias: biasOf(given.downBias),
    };
    gatedMlp(own, g!, up!, down!, gating, biases as Biases).forEach((value, i) => {
      output[token + i]! += weights.values[choice]! * value;
    });
  });
  return output;
}

function matrixOf({ shape: [, ...shape], values, dtype }: Values, index: number): Values {
  const size = sizeOf(shape);
  return { shape, dtype, values: values.subarray(index * size, (index + 1) * size) };
}

export function takeAlongAxis(x: Values, indices: Values): number[] {
  const [, e = 0] = x.shape;
  const [, k = 0] = indices.shape;
  return Array.from(indices.values, (index, at) => x.values[Math.floor(at / k) * e + index]!);
}

/** The largest first, and of equal ones the first. */
export function topKIndices({ shape: [t = 0, e = 0], values }: Values, k: number): number[] {
  return Array.from({ length: t }, (_, row) => {
    const own = [...values.subarray(row * e, (row + 1) * e)];
    // Not by their difference, which infinite ones do not have.
    const order = own.map((_, i) => i).sort((a, b) => (own[a]! === own[b]! ? a - b : own[a]! > own[b]! ? -1 : 1));
    return order.slice(0, k);
  }).flat();
}

export function chooseExperts(
  logits: Values,
  { k, score, normalize, scale, bias }: Omit<RoutingSpec, "bias"> & { bias?: readonly number[] | undefined },
): { indices: number[]; weights: number[] } {
  const [t = 0, e = 0] = logits.shape;
  const rows = Array.from({ length: t }, (_, row) => {
    const powers = Array.from(logits.values.subarray(row * e, (row + 1) * e), Math.exp);
    const sum = powers.reduce((a, b) => a + b, 0);
    const scores = powers.map((power) => (score === "softmax" ? power / sum : power / (1 + power)));
    const ranks = Float64Array.from(scores, (value, i) => value + (bias?.[i] ?? 0));
    const indices = Array.from(scores, (_, i) => i)
      .sort((a, b) => ranks[b]! - ranks[a]! || a - b)
      .slice(0, k);
    const chosen = indices.map((i) => scores[i]!);
    const total = normalize ? chosen.reduce((a, b) => a + b, 0) : 1;
    return { indices, weights: chosen.map((value) => (scale * value) / total) };
  });
  return { indices: rows.flatMap((row) => row.indices), weights: rows.flatMap((row) => row.weights) };
}

/** `logsumexp(logits) − logits[target]`, row by row. */
export function crossEntropy(logits: Values, targets: Values): number[] {
  const [, v = 0] = logits.shape;
  return Array.from(targets.values, (target, row) => {
    const own = Array.from(logits.values.subarray(row * v, (row + 1) * v));
    const most = Math.max(...own);
    return most + Math.log(own.reduce((sum, value) => sum + Math.exp(value - most), 0)) - own[target]!;
  });
}

/** Each row of `x` times the matrix of its group, element by element. */
export function groupedMatMul(x: Values, stack: Values, offsets: readonly number[], transposed: boolean): number[] {
  const [, width = 0] = x.shape;
  const [, rows = 0, columns = 0] = stack.shape;
  const out = transposed ? columns : rows;
  return Array.from({ length: x.shape[0]! }, (_, n) => {
    const group = offsets.findLastIndex((start) => start <= n);
    return Array.from({ length: out }, (_, o) =>
      Array.from({ length: width }, (_, i) => {
        const [row, column] = transposed ? [i, o] : [o, i];
        return x.values[n * width + i]! * stack.values[(group * rows + row) * columns + column]!;
      }).reduce((a, b) => a + b, 0),
    );
  }).flat();
}

/** The outer products of the rows of each group, added up. */
export function groupedGradWeight(a: Values, b: Values, offsets: readonly number[]): number[] {
  const [, out = 0] = a.shape;
  const [, width = 0] = b.shape;
  return offsets.slice(0, -1).flatMap((start, group) =>
    Array.from({ length: out * width }, (_, at) => {
      let sum = 0;
      for (let n = start; n < offsets[group + 1]!; n++)
        sum += a.values[n * out + Math.floor(at / width)]! * b.values[n * width + (at % width)]!;
      return sum;
    }),
  );
}

/** A single number. */
export function sumOfSquares(tensors: readonly Values[]): number[] {
  return [tensors.flatMap(({ values }) => [...values]).reduce((sum, value) => sum + value * value, 0)];
}

/** As torch's `AdamW` has it: decay first, then the moments, then the step. */
export function adamW(
  {
    weight,
    mean,
    variance,
    gradient,
  }: Readonly<Record<"weight" | "mean" | "variance", Values>> & { gradient?: Values },
  { learningRate, beta1, beta2, eps, weightDecay, step, gradientScale }: AdamWAttributes,
): Record<"weight" | "mean" | "variance", number[]> {
  const all = Array.from(weight.values, (w, i) => {
    const g = (gradient?.values[i] ?? 0) * gradientScale;
    const m = beta1 * mean.values[i]! + (1 - beta1) * g;
    const v = beta2 * variance.values[i]! + (1 - beta2) * g * g;
    const [unbiasedM, unbiasedV] = [m / (1 - beta1 ** step), v / (1 - beta2 ** step)];
    return [w - learningRate * weightDecay * w - (learningRate * unbiasedM) / (Math.sqrt(unbiasedV) + eps), m, v];
  });
  return { weight: all.map(([w]) => w!), mean: all.map(([, m]) => m!), variance: all.map(([, , v]) => v!) };
}

/** Head by head and query by query: `output` is `[B, L, H·Dv]`, `probabilities` `[B, H, L, S]`. */
export function attention(
  { q, k, v, sinks }: Readonly<Record<"q" | "k" | "v", Values>> & { readonly sinks?: Values },
  { window, keyPadding, documentIds }: Pick<AttentionMaskShape, "window" | "keyPadding" | "documentIds">,
  scale: number,
): { output: Float64Array; probabilities: Float64Array } {
  const [b, h, l, d] = q.shape as [number, number, number, number];
  const [, g, s] = k.shape as [number, number, number];
  const width = v.shape[3]!;
  const output = new Float64Array(b * l * h * width);
  const probabilities = new Float64Array(b * h * l * s);
  for (let row = 0; row < b; row++) {
    for (let head = 0; head < h; head++) {
      const group = (row * g + Math.floor(head / (h / g))) * s;
      for (let query = 0; query < l; query++) {
        const at = (row * h + head) * l + query;
        const slot = s - l + query;
        const sees = (key: number) =>
          key <= slot &&
          (!window || key > slot - window) &&
          keyPadding?.values[row * s + key] !== 0 &&
          documentIds?.values[row * s + key] === documentIds?.values[row * s + slot];
        const scores = Array.from({ length: s }, (_, key) => {
          let dot = 0;
          for (let i = 0; i < d; i++) dot += q.values[at * d + i]! * k.values[(group + key) * d + i]!;
          return sees(key) ? dot * scale : -Infinity;
        });
        const largest = Math.max(...scores);
        // A query that sees nothing attends evenly, or to the sink alone.
        const blind = sinks ? 0 : 1;
        const weights = scores.map((score) => (largest === -Infinity ? blind : Math.exp(score - largest)));
        const sink = sinks ? Math.exp(largest === -Infinity ? 0 : sinks.values[head]! - largest) : 0;
        const total = weights.reduce((sum, weight) => sum + weight, sink);
        weights.forEach((weight, key) => {
          probabilities[at * s + key] = weight / total;
          for (let i = 0; i < width; i++)
            output[((row * l + query) * h + head) * width + i]! +=
              (weight / total) * v.values[(group + key) * width + i]!;
        });
      }
    }
  }
  return { output, probabilities };
}

/** Token by token. `[B, L, G or H, D]`, the state `[B, H, Dk, Dv]`. */
export function gatedDeltaRule(
  { q, k, v, g, beta, state }: Record<"q" | "k" | "v" | "g" | "beta", Values> & { readonly state?: Values },
  { scale, l2NormEps }: GatedDeltaRuleAttributes,
): Record<"output" | "state", Float64Array> {
  const [b = 0, l = 0, groups = 0, dk = 0] = q.shape;
  const [, , h = 0, dv = 0] = v.shape;
  const output = new Float64Array(b * l * h * dv);
  const states = Float64Array.from(state?.values ?? new Float64Array(b * h * dk * dv));
  const vector = ({ values }: Values, at: number, factor: number): number[] => {
    const x = [...values.subarray(at, at + dk)];
    const norm = l2NormEps === null ? 1 : Math.sqrt(x.reduce((sum, value) => sum + value * value, l2NormEps));
    return x.map((value) => (value * factor) / norm);
  };
  for (let row = 0; row < b; row++)
    for (let head = 0; head < h; head++)
      for (let t = 0; t < l; t++) {
        const group = ((row * l + t) * groups + Math.floor((head * groups) / h)) * dk;
        const [query, key] = [vector(q, group, scale), vector(k, group, 1)];
        const at = (row * l + t) * h + head;
        const decay = Math.exp(g.values[at]!);
        for (let j = 0; j < dv; j++) {
          const of = (i: number) => ((row * h + head) * dk + i) * dv + j;
          for (let i = 0; i < dk; i++) states[of(i)]! *= decay;
          const read = key.reduce((sum, value, i) => sum + value * states[of(i)]!, 0);
          const delta = beta.values[at]! * (v.values[at * dv + j]! - read);
          for (let i = 0; i < dk; i++) states[of(i)]! += key[i]! * delta;
          output[at * dv + j] = query.reduce((sum, value, i) => sum + value * states[of(i)]!, 0);
        }
      }
  return { output, state: states };
}

/** `x [B, L, C]`, `weight [C, K]`, `past [B, K − 1, C]`. */
export function causalConvolution({
  x,
  weight,
  past,
}: Record<"x" | "weight", Values> & { readonly past?: Values }): Record<"y" | "past", Float64Array> {
  const [b = 0, l = 0, c = 0] = x.shape;
  const k = weight.shape[1]!;
  const input = (row: number, t: number, channel: number): number =>
    t >= 0 ? x.values[(row * l + t) * c + channel]! : (past?.values[(row * (k - 1) + k - 1 + t) * c + channel] ?? 0);
  const y = Float64Array.from({ length: b * l * c }, (_, at) => {
    const [channel, t, row] = [at % c, Math.floor(at / c) % l, Math.floor(at / (c * l))];
    let sum = 0;
    for (let j = 0; j < k; j++) sum += weight.values[channel * k + j]! * input(row, t - k + 1 + j, channel);
    return sum;
  });
  const next = Float64Array.from({ length: b * (k - 1) * c }, (_, at) => {
    const [channel, i, row] = [at % c, Math.floor(at / c) % (k - 1), Math.floor(at / (c * (k - 1)))];
    return input(row, l - k + 1 + i, channel);
  });
  return { y, past: next };
}
