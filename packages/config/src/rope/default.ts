import { geometricFrequencies } from "./geometric.js";
import { defineRopeType } from "./rope-type.js";

/** Rotation by position as in RoFormer (Su et al. 2021, https://arxiv.org/abs/2104.09864). */
export const defaultRope = defineRopeType({
  name: "default",
  frequencies: ({ ropeTheta }, { dim }) => ({ inverse: geometricFrequencies(ropeTheta, dim), scaling: 1 }),
});
