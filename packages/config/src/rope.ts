/**
 * Rotary position embeddings: the parameters of each type, one spelling, every default filled. The maths that they feed is
 * in transformers' `modeling_rope_utils.py`.
 */
import * as z from "zod";
import { count, flag, listOf, number } from "./fields.js";

const common = {
  /** θ, the base of the geometric series of wavelengths. */
  ropeTheta: number({ above: 0 }),
  /** The share of each head that is rotated. */
  partialRotaryFactor: number({ above: 0, max: 1 }).default(1),
};
const factor = number({ above: 0 });
/** The context length that the model was trained on before it was stretched. */
const originalMaxPositionEmbeddings = count();
/** What cos and sin are multiplied with; null leaves it to the type's formula. */
const attentionFactor = number({ above: 0 }).nullable().default(null);
const factors = listOf(number({ above: 0 }), "numbers above 0");

const defaultRope = z.strictObject({ ropeType: z.literal("default"), ...common });
const linearRope = z.strictObject({ ropeType: z.literal("linear"), ...common, factor });
const dynamicRope = z.strictObject({ ropeType: z.literal("dynamic"), ...common, factor });
const yarnRope = z.strictObject({
  ropeType: z.literal("yarn"),
  ...common,
  factor,
  originalMaxPositionEmbeddings,
  attentionFactor,
  betaFast: number({ above: 0 }).default(32),
  betaSlow: number({ above: 0 }).default(1),
  mscale: number().nullable().default(null),
  mscaleAllDim: number().nullable().default(null),
  /** Whether the bounds of the ramp are rounded to whole dimensions. */
  truncate: flag().default(true),
});
const longRope = z.strictObject({
  ropeType: z.literal("longrope"),
  ...common,
  factor,
  originalMaxPositionEmbeddings,
  attentionFactor,
  /** One divisor per rotated pair, for contexts up to `originalMaxPositionEmbeddings`. */
  shortFactor: factors,
  /** One divisor per rotated pair, for longer contexts. */
  longFactor: factors,
});
const llama3Rope = z.strictObject({
  ropeType: z.literal("llama3"),
  ...common,
  factor,
  originalMaxPositionEmbeddings,
  lowFreqFactor: number({ above: 0 }),
  highFreqFactor: number({ above: 0 }),
});

/** The parameters of rotary position embeddings, by `ropeType`. */
export const ropeParametersSchema = z.discriminatedUnion("ropeType", [
  defaultRope,
  linearRope,
  dynamicRope,
  yarnRope,
  longRope,
  llama3Rope,
]);

export const ropeSchemas = {
  default: defaultRope,
  linear: linearRope,
  dynamic: dynamicRope,
  yarn: yarnRope,
  longrope: longRope,
  llama3: llama3Rope,
} as const;

/** Rotation by position as in RoFormer (Su et al. 2021, https://arxiv.org/abs/2104.09864). */
export type DefaultRope = Readonly<z.output<typeof defaultRope>>;
/** Positions divided by `factor` (Chen et al. 2023, https://arxiv.org/abs/2306.15595). */
export type LinearRope = Readonly<z.output<typeof linearRope>>;
/** θ that grows with the length, once that exceeds `maxPositionEmbeddings`: NTK-aware scaling. */
export type DynamicRope = Readonly<z.output<typeof dynamicRope>>;
/** YaRN: short wavelengths as they are, long ones interpolated (Peng et al. 2023, https://arxiv.org/abs/2309.00071). */
export type YarnRope = Readonly<z.output<typeof yarnRope>>;
/** LongRoPE: a divisor of its own for each pair of features (Ding et al. 2024, https://arxiv.org/abs/2402.13753). */
export type LongRope = Readonly<z.output<typeof longRope>>;
/** Llama 3.1: long wavelengths are stretched by `factor`, short ones stay, and those in between are stretched in part. */
export type Llama3Rope = Readonly<z.output<typeof llama3Rope>>;
/** RoPE parameters with every default filled, told apart by `ropeType`. */
export type RopeParameters = DefaultRope | LinearRope | DynamicRope | YarnRope | LongRope | Llama3Rope;
/** How positions are rotated: one of {@link ROPE_TYPES}. */
export type RopeType = RopeParameters["ropeType"];

/** The types of RoPE that there are, as `rope_type` names them. */
export const ROPE_TYPES = Object.keys(ropeSchemas) as RopeType[];

/** The number of features of a head that are rotated: `headDim * partialRotaryFactor`, rounded down. */
export function rotaryDim(
  headDim: number,
  { partialRotaryFactor }: Pick<RopeParameters, "partialRotaryFactor">,
): number {
  return Math.floor(headDim * partialRotaryFactor);
}

/**
 * The longest context that a model with these parameters is made for: `maxPositionEmbeddings`, stretched where the scaling
 * says so and `maxPositionEmbeddings` may still be that of before. As vLLM derives `max_model_len`: YaRN reaches
 * `factor × originalMaxPositionEmbeddings`, linear scaling `factor × maxPositionEmbeddings`; those of llama3 and longrope are
 * in `maxPositionEmbeddings`. Dynamic scaling stretches to any length.
 *
 * transformers has no limit.
 */
export function contextLength({
  ropeParameters: rope,
  maxPositionEmbeddings: max,
}: {
  readonly ropeParameters: RopeParameters;
  readonly maxPositionEmbeddings: number;
}): number {
  switch (rope.ropeType) {
    case "dynamic":
      return Infinity;
    case "linear":
      return Math.floor(max * Math.max(1, rope.factor));
    case "yarn":
      return Math.max(max, Math.floor(rope.originalMaxPositionEmbeddings * rope.factor));
    case "llama3":
    case "longrope":
    case "default":
      return max;
  }
}
