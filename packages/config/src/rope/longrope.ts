import { listOf, number } from "../fields.js";
import { wavelengthOver2Pi } from "./geometric.js";
import { defineRopeType } from "./rope-type.js";
import { fillStretch, stretchFields } from "./stretched.js";

const divisors = listOf(number({ above: 0 }), "numbers above 0");

/**
 * LongRoPE: a divisor for each pair of features (Ding et al. 2024, https://arxiv.org/abs/2402.13753). The current
 * length picks the list of divisors.
 */
export const longRope = defineRopeType({
  name: "longrope",
  fields: {
    ...stretchFields,
    /** One divisor per rotated pair, for contexts up to `originalMaxPositionEmbeddings`. */
    shortFactor: divisors,
    /** One divisor per rotated pair, for longer contexts. */
    longFactor: divisors,
  },
  fill: fillStretch,
  check: (rope, { dim }, report) => {
    // The formula of the attention factor divides by ln(originalMaxPositionEmbeddings).
    if (rope.originalMaxPositionEmbeddings === 1 && rope.attentionFactor === null)
      report("originalMaxPositionEmbeddings", { expected: "an integer of at least 2", got: "1" });
    for (const name of ["shortFactor", "longFactor"] as const) {
      if (rope[name].length === dim / 2) continue;
      report(name, {
        expected: `${dim / 2} numbers, one for each rotated pair of features`,
        got: String(rope[name].length),
      });
    }
  },
  frequencies: (rope, { dim, length }) => {
    const { factor, originalMaxPositionEmbeddings: original } = rope;
    const divisors = length > original ? rope.longFactor : rope.shortFactor;
    const inverse = Float32Array.from(
      { length: Math.floor(dim / 2) },
      (_, i) => 1 / Math.fround(Math.fround(divisors[i]!) * wavelengthOver2Pi(rope.ropeTheta, dim, i)),
    );
    const scaling = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
    return { inverse, scaling: rope.attentionFactor ?? scaling };
  },
});
