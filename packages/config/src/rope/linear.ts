import { number } from "../fields.js";
import { geometricFrequencies } from "./geometric.js";
import { defineRopeType } from "./rope-type.js";

/** Positions divided by `factor` (Chen et al. 2023, https://arxiv.org/abs/2306.15595). */
export const linearRope = defineRopeType({
  name: "linear",
  fields: {
    /** Divisor of positions. */
    factor: number({ above: 0 }),
  },
  frequencies: ({ ropeTheta, factor }, { dim }) => ({
    inverse: geometricFrequencies(ropeTheta, dim).map((f) => f / factor),
    scaling: 1,
  }),
  contextLength: ({ factor }, max) => Math.floor(max * Math.max(1, factor)),
});
