import type { Llama3Rope, LongRope, RopeParameters, YarnRope } from "@mixtape/config";
import { rotaryDim } from "@mixtape/config";

/** The angles that one position turns by, and what cosines and sines are multiplied by. */
export interface RopeFrequencies {
  /** Radians per position, float32 `[d / 2]`, d the rotated width of a head. */
  readonly inverse: Float32Array;
  /** The attention factor of yarn and longrope; 1 for the others. */
  readonly scaling: number;
}

/** What frequencies depend on besides the RoPE parameters. */
export interface RopeContext {
  readonly headDim: number;
  readonly maxPositionEmbeddings: number;
  /** One past the largest position of the batch: dynamic and longrope look at it. */
  readonly length: number;
}

/**
 * Inverse frequencies of rotary position embeddings as transformers' `modeling_rope_utils` defines them, in float32.
 *
 * Dynamic and longrope depend on the length at hand alone. The reference remembers the longest that a model has seen and
 * stays with its frequencies for shorter texts above the limit; here the same text always gives the same numbers.
 */
export function ropeFrequencies(rope: RopeParameters, context: RopeContext): RopeFrequencies {
  const d = rotaryDim(context.headDim, rope);
  switch (rope.ropeType) {
    case "default":
      return { inverse: geometric(rope.ropeTheta, d), scaling: 1 };
    case "linear":
      return { inverse: geometric(rope.ropeTheta, d).map((f) => f / rope.factor), scaling: 1 };
    case "dynamic":
      return { inverse: geometric(dynamicTheta(rope.ropeTheta, rope.factor, d, context), d), scaling: 1 };
    case "llama3":
      return { inverse: llama3(rope, d), scaling: 1 };
    case "yarn":
      return yarn(rope, d);
    case "longrope":
      return longrope(rope, d, context.length);
  }
}

/** `θ^(−2i/d)` (Su et al. 2021, https://arxiv.org/abs/2104.09864), rounded where torch rounds. */
function geometric(theta: number, d: number): Float32Array {
  return Float32Array.from({ length: Math.floor(d / 2) }, (_, i) => 1 / wavelengthOver2Pi(theta, d, i));
}

function wavelengthOver2Pi(theta: number, d: number, i: number): number {
  return Math.fround(theta ** Math.fround((2 * i) / d));
}

/** θ grown so that positions past the limit keep within the angles that were trained ("NTK-aware", by length at hand). */
function dynamicTheta(
  theta: number,
  factor: number,
  d: number,
  { length, maxPositionEmbeddings: max }: RopeContext,
): number {
  return theta * ((factor * Math.max(length, max)) / max - (factor - 1)) ** (d / (d - 2));
}

/** Low frequencies divided by the factor, high ones kept, those between blended (Llama 3.1). */
function llama3(rope: Llama3Rope, d: number): Float32Array {
  const { factor, lowFreqFactor: low, highFreqFactor: high, originalMaxPositionEmbeddings: original } = rope;
  return geometric(rope.ropeTheta, d).map((f) => {
    const wavelength = (2 * Math.PI) / f;
    if (wavelength > original / low) return f / factor;
    if (wavelength < original / high) return f;
    const smooth = (original / wavelength - low) / (high - low);
    return ((1 - smooth) * f) / factor + smooth * f;
  });
}

/** YaRN (Peng et al. 2023, https://arxiv.org/abs/2309.00071). */
function yarn(rope: YarnRope, d: number): RopeFrequencies {
  const { ropeTheta: theta, factor, originalMaxPositionEmbeddings: original } = rope;
  const dimensionOf = (rotations: number): number =>
    (d * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
  const round = rope.truncate ? [Math.floor, Math.ceil] : [Number, Number];
  const low = Math.max(round[0]!(dimensionOf(rope.betaFast)), 0);
  const high = Math.min(round[1]!(dimensionOf(rope.betaSlow)), d - 1);
  const width = high === low ? 0.001 : high - low;
  const inverse = Float32Array.from({ length: Math.floor(d / 2) }, (_, i) => {
    const ramp = Math.min(Math.max((i - low) / width, 0), 1);
    const wave = wavelengthOver2Pi(theta, d, i);
    return (1 / (factor * wave)) * ramp + (1 / wave) * (1 - ramp);
  });
  return { inverse, scaling: rope.attentionFactor ?? yarnScaling(rope) };
}

function yarnScaling({ factor, mscale, mscaleAllDim }: YarnRope): number {
  const m = (k: number): number => (factor <= 1 ? 1 : 0.1 * k * Math.log(factor) + 1);
  return mscale && mscaleAllDim ? m(mscale) / m(mscaleAllDim) : m(1);
}

/** LongRoPE (Ding et al. 2024, https://arxiv.org/abs/2402.13753): a divisor per frequency, one list each for short and long. */
function longrope(rope: LongRope, d: number, length: number): RopeFrequencies {
  const { factor, originalMaxPositionEmbeddings: original } = rope;
  const divisors = length > original ? rope.longFactor : rope.shortFactor;
  const inverse = Float32Array.from(
    { length: Math.floor(d / 2) },
    (_, i) => 1 / Math.fround(Math.fround(divisors[i]!) * wavelengthOver2Pi(rope.ropeTheta, d, i)),
  );
  const scaling = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  return { inverse, scaling: rope.attentionFactor ?? scaling };
}
