import { number } from "../fields.js";
import { wavelengthOver2Pi } from "./geometric.js";
import { defineRopeType } from "./rope-type.js";

/**
 * Proportional RoPE, as transformers names it: wavelengths are those of a whole head, and only the fastest
 * `partialRotaryFactor` of them rotate. The frequency of the other pairs is 0, so tables are as wide as the head.
 */
export const proportionalRope = defineRopeType({
  name: "proportional",
  fields: {
    /** Divisor of positions. */
    factor: number({ above: 0 }).default(1),
  },
  coversWholeHead: true,
  frequencies: ({ ropeTheta, partialRotaryFactor, factor }, { headDim }) => {
    const rotating = Math.floor((partialRotaryFactor * headDim) / 2);
    const frequency = (i: number): number => Math.fround(1 / wavelengthOver2Pi(ropeTheta, headDim, i)) / factor;
    const inverse = Float32Array.from({ length: Math.floor(headDim / 2) }, (_, i) => (i < rotating ? frequency(i) : 0));
    return { inverse, scaling: 1 };
  },
  contextLength: ({ factor }, max) => Math.floor(max * Math.max(1, factor)),
});
