import { defineRopeType, geometricFrequencies, number, registerRopeType } from "@mixtape/config";

/** NTK-aware scaling by a constant: θ is scaled once, so that the longest wavelength is `factor` times as long. */
export const ntkRope = defineRopeType({
  name: "ntk",
  fields: { factor: number({ min: 1 }).default(1) },
  check: (_rope, { dim }, report) => {
    if (dim === 2) report("headDim", { expected: "more than 2 rotated features", got: "2" });
  },
  frequencies: ({ ropeTheta, factor }, { dim }) => ({
    inverse: geometricFrequencies(ropeTheta * factor ** (dim / (dim - 2)), dim),
    scaling: 1,
  }),
  contextLength: ({ factor }, maxPositionEmbeddings) => Math.floor(factor * maxPositionEmbeddings),
});
registerRopeType(ntkRope);

declare module "@mixtape/config" {
  interface RopeTypes {
    ntk: typeof ntkRope;
  }
}
