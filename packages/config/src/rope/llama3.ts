import { show } from "../config-error.js";
import { number } from "../fields.js";
import { geometricFrequencies } from "./geometric.js";
import { defineRopeType } from "./rope-type.js";
import { fillOriginalContext, stretchFields } from "./stretched.js";

/** Llama 3.1: stretches long wavelengths by `factor`, keeps short ones, and interpolates between them. */
export const llama3Rope = defineRopeType({
  name: "llama3",
  fields: {
    factor: number({ above: 0 }),
    originalMaxPositionEmbeddings: stretchFields.originalMaxPositionEmbeddings,
    /** Wavelengths with fewer rotations than this over the original context are stretched in full. */
    lowFreqFactor: number({ above: 0 }),
    /** Wavelengths with more rotations than this over the original context are kept. */
    highFreqFactor: number({ above: 0 }),
  },
  fill: fillOriginalContext,
  check: ({ lowFreqFactor: low, highFreqFactor: high }, _, report) => {
    if (high <= low)
      report("highFreqFactor", { expected: `more than the low frequency factor, ${low}`, got: show(high) });
  },
  frequencies: (rope, { dim }) => {
    const { factor, lowFreqFactor: low, highFreqFactor: high, originalMaxPositionEmbeddings: original } = rope;
    const inverse = geometricFrequencies(rope.ropeTheta, dim).map((f) => {
      const wavelength = (2 * Math.PI) / f;
      if (wavelength > original / low) return f / factor;
      if (wavelength < original / high) return f;
      const smooth = (original / wavelength - low) / (high - low);
      return ((1 - smooth) * f) / factor + smooth * f;
    });
    return { inverse, scaling: 1 };
  },
});
