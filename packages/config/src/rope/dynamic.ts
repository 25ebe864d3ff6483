import { number } from "../fields.js";
import { geometricFrequencies } from "./geometric.js";
import { defineRopeType } from "./rope-type.js";

/**
 * NTK-aware scaling by the current length: θ grows once the text is longer than `maxPositionEmbeddings`, so that its
 * positions stay within the angles seen in training.
 *
 * The frequencies depend on the current length alone. transformers remembers the longest text that a model has seen and
 * keeps its frequencies for shorter texts above the limit; here the same text always gives the same numbers.
 */
export const dynamicRope = defineRopeType({
  name: "dynamic",
  fields: {
    /** Rate at which θ grows with the length. */
    factor: number({ above: 0 }),
  },
  check: (_, { dim }, report) => {
    // The exponent of its formula is d / (d − 2).
    if (dim === 2) report("headDim", { expected: 'more than 2 rotated features for "dynamic"', got: "2" });
  },
  frequencies: ({ ropeTheta, factor }, { dim, length, maxPositionEmbeddings: max }) => {
    const growth = (factor * Math.max(length, max)) / max - (factor - 1);
    return { inverse: geometricFrequencies(ropeTheta * growth ** (dim / (dim - 2)), dim), scaling: 1 };
  },
  contextLength: () => Infinity,
});
