/** RoPE parameters in configs: a union over all types, discriminated by `ropeType`. */
import type { defaultRope } from "./default.js";
import type { dynamicRope } from "./dynamic.js";
import type { linearRope } from "./linear.js";
import type { llama3Rope } from "./llama3.js";
import type { longRope } from "./longrope.js";
import type { proportionalRope } from "./proportional.js";
import type { RopeInputOf, RopeParametersOf, RopeType } from "./rope-type.js";
import type { yarnRope } from "./yarn.js";

/** RoPE types by name. A package with a custom type adds it by declaration merging: see {@link defineRopeType}. */
export interface RopeTypes {
  default: typeof defaultRope;
  linear: typeof linearRope;
  dynamic: typeof dynamicRope;
  yarn: typeof yarnRope;
  longrope: typeof longRope;
  llama3: typeof llama3Rope;
  proportional: typeof proportionalRope;
}

/** The name of a RoPE type: `rope_type` in the file. */
export type RopeTypeName = keyof RopeTypes;

type ParametersOf<T> = T extends RopeType<infer Name, infer F, infer _> ? RopeParametersOf<Name, F> : never;
type InputOf<T> = T extends RopeType<infer Name, infer F, infer Filled> ? RopeInputOf<Name, F, Filled> : never;

/** RoPE parameters with defaults filled in, discriminated by `ropeType`. */
export type RopeParameters = { [Name in RopeTypeName]: ParametersOf<RopeTypes[Name]> }[RopeTypeName];

/** RoPE parameters as given in code: those with a default may be omitted, and so may the type. */
export type RopeParametersInput =
  | { [Name in RopeTypeName]: InputOf<RopeTypes[Name]> }[RopeTypeName]
  | (Omit<InputOf<RopeTypes["default"]>, "ropeType"> & { readonly ropeType?: "default" });

/** Parameters of RoPE as in RoFormer. */
export type DefaultRope = ParametersOf<typeof defaultRope>;
/** Parameters of RoPE whose positions are divided by a factor. */
export type LinearRope = ParametersOf<typeof linearRope>;
/** Parameters of RoPE whose θ grows with the length. */
export type DynamicRope = ParametersOf<typeof dynamicRope>;
/** Parameters of YaRN. */
export type YarnRope = ParametersOf<typeof yarnRope>;
/** Parameters of LongRoPE. */
export type LongRope = ParametersOf<typeof longRope>;
/** Parameters of Llama 3.1's RoPE. */
export type Llama3Rope = ParametersOf<typeof llama3Rope>;
/** Parameters of RoPE of which only a share of the pairs rotates. */
export type ProportionalRope = ParametersOf<typeof proportionalRope>;
