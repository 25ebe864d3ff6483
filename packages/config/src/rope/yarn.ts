import { show } from "../config-error.js";
import { bool, number } from "../fields.js";
import { wavelengthOver2Pi } from "./geometric.js";
import { defineRopeType } from "./rope-type.js";
import { fillStretch, stretchFields } from "./stretched.js";

/** YaRN: keeps short wavelengths and interpolates long ones (Peng et al. 2023, https://arxiv.org/abs/2309.00071). */
export const yarnRope = defineRopeType({
  name: "yarn",
  fields: {
    ...stretchFields,
    /** Wavelengths with at least this many rotations over the original context are kept. */
    betaFast: number({ above: 0 }).default(32),
    /** Wavelengths with at most this many rotations over the original context are stretched in full. */
    betaSlow: number({ above: 0 }).default(1),
    /** Coefficient in the numerator of the attention factor. Read only if both coefficients are set. */
    mscale: number().nullable().default(null),
    /** Coefficient in the denominator of the attention factor. Read only if both coefficients are set. */
    mscaleAllDim: number().nullable().default(null),
    /** Whether the bounds of the ramp are rounded to whole dimensions. */
    truncate: bool().default(true),
  },
  fill: fillStretch,
  check: ({ ropeTheta, betaFast, betaSlow }, _, report) => {
    // The bounds of the ramp divide by ln θ.
    if (ropeTheta <= 1) report("ropeTheta", { expected: 'a number above 1 for "yarn"', got: show(ropeTheta) });
    if (betaFast < betaSlow)
      report("betaFast", { expected: `at least the slow bound, ${betaSlow}`, got: show(betaFast) });
  },
  frequencies: (rope, { dim }) => {
    const { ropeTheta: theta, factor, originalMaxPositionEmbeddings: original, mscale, mscaleAllDim } = rope;
    const dimensionOf = (rotations: number): number =>
      (dim * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
    const [floor, ceil] = rope.truncate ? [Math.floor, Math.ceil] : [Number, Number];
    const low = Math.max(floor(dimensionOf(rope.betaFast)), 0);
    const high = Math.min(ceil(dimensionOf(rope.betaSlow)), dim - 1);
    const width = high === low ? 0.001 : high - low;
    const inverse = Float32Array.from({ length: Math.floor(dim / 2) }, (_, i) => {
      const ramp = Math.min(Math.max((i - low) / width, 0), 1);
      const wave = wavelengthOver2Pi(theta, dim, i);
      return (1 / (factor * wave)) * ramp + (1 / wave) * (1 - ramp);
    });
    const scaling =
      mscale && mscaleAllDim ? yarnMscale(factor, mscale) / yarnMscale(factor, mscaleAllDim) : yarnMscale(factor);
    return { inverse, scaling: rope.attentionFactor ?? scaling };
  },
  contextLength: ({ factor, originalMaxPositionEmbeddings: original }, max) =>
    Math.max(max, Math.floor(original * factor)),
});

/**
 * Returns the factor that keeps the entropy of attention when a context is stretched: `0.1 · mscale · ln(factor) + 1`,
 * and 1 without stretching (Peng et al. 2023, equation 22). DeepSeek-V3 multiplies the scale of its scores by the
 * square of it.
 */
export function yarnMscale(factor: number, mscale = 1): number {
  return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
}
