/** Parts of a RoPE type: its parameters in the config file, their rules, its frequencies and its longest context. */
import type * as z from "zod";
import type { Report } from "../config-definition.js";
import { number } from "../fields.js";

/** Parameters that every RoPE type has. */
export const commonFields = {
  /** θ, the base of the geometric series of wavelengths. */
  ropeTheta: number({ above: 0 }),
  /** Fraction of each head that is rotated. */
  partialRotaryFactor: number({ above: 0, max: 1 }).default(1),
};

/** zod schemas of parameters, by their names in camelCase. */
type ParameterFields = Readonly<Record<string, z.ZodType>>;
type Flat<T> = { readonly [K in keyof T]: T[K] } & {};
type Outputs<F extends ParameterFields> = { readonly [K in keyof F]: z.output<F[K]> };
/** Keys that may be omitted, because their schema has a default. */
type Optional<F extends ParameterFields> = {
  [K in keyof F]-?: undefined extends z.input<F[K]> ? K : never;
}[keyof F];
/** Parameters as given in code: those with a default, or filled in from the config, may be omitted or null. */
type Inputs<F extends ParameterFields, Filled> = {
  readonly [K in Exclude<keyof F, Optional<F> | Filled>]: z.input<F[K]>;
} & { readonly [K in keyof F as K extends Optional<F> | Filled ? K : never]?: z.input<F[K]> | null };

/** Inputs of the frequencies besides the RoPE parameters. */
export interface RopeContext {
  /** Features of a head. */
  readonly headDim: number;
  readonly maxPositionEmbeddings: number;
  /** Length of the current text: one past the largest position of the batch. */
  readonly length: number;
}

/** Rotation per position, and the factor of cosines and sines. */
export interface RopeFrequencies {
  /** Radians per position, float32 `[d / 2]`, d the rotated width of a head. */
  readonly inverse: Float32Array;
  /** Attention factor that cosines and sines are multiplied by; 1 for most types. */
  readonly scaling: number;
}

/** A RoPE type, as {@link defineRopeType} creates it. */
export interface RopeType<Name extends string, F extends ParameterFields, Filled extends keyof F = never> {
  /** `rope_type` in the config file. */
  readonly name: Name;
  /** Parameters besides `ropeTheta` and `partialRotaryFactor`. In the file their names are in snake_case. */
  readonly fields: F;
  /**
   * Computes parameters that the file omits from the given ones and the rest of the config. Runs before the defaults of
   * the schemas.
   */
  readonly fill?: (given: Partial<Outputs<F>>, config: RopeFillConfig) => Pick<Outputs<F>, Filled>;
  /** Reports parameters that contradict each other or do not fit the heads. `dim` is the rotated width of a head. */
  readonly check?: (
    rope: RopeParametersOf<Name, F>,
    dims: { readonly dim: number; readonly headDim: number },
    report: Report<(keyof F & string) | keyof typeof commonFields | "headDim">,
  ) => void;
  /** Computes the frequencies, `dim / 2` of them; `dim` is the rotated width of a head. */
  readonly frequencies: (
    rope: RopeParametersOf<Name, F>,
    context: RopeContext & { readonly dim: number },
  ) => RopeFrequencies;
  /** Longest context, in tokens. Default: `maxPositionEmbeddings`. */
  readonly contextLength?: (rope: RopeParametersOf<Name, F>, maxPositionEmbeddings: number) => number;
  /**
   * Whether the frequencies cover the whole head regardless of `partialRotaryFactor`, with 0 for pairs that do not
   * rotate. By default a head is rotated up to `headDim * partialRotaryFactor` and the rest of it is unchanged.
   */
  readonly coversWholeHead?: boolean;
}

/** Part of a config that {@link RopeType.fill} sees. */
export interface RopeFillConfig {
  readonly maxPositionEmbeddings: number;
}

/** Parameters of a RoPE type with defaults filled in. */
export type RopeParametersOf<Name extends string, F extends ParameterFields> = Flat<
  { readonly ropeType: Name } & Outputs<typeof commonFields> & Outputs<F>
>;

/** Parameters of a RoPE type as `create` takes them. */
export type RopeInputOf<Name extends string, F extends ParameterFields, Filled> = Flat<
  { readonly ropeType: Name } & { readonly [K in keyof typeof commonFields]?: number } & Inputs<F, Filled>
>;

/**
 * Defines a RoPE type. {@link registerRopeType} registers it, and a declaration adds its parameters to the type {@link
 * RopeParameters}:
 *
 * ```ts
 * export const gentle = defineRopeType({
 *   name: "gentle",
 *   fields: { strength: number({ above: 0 }).default(1) },
 *   frequencies: ({ ropeTheta, strength }, { dim }) => ({
 *     inverse: geometricFrequencies(ropeTheta, dim).map((f) => f ** strength),
 *     scaling: 1,
 *   }),
 * });
 * registerRopeType(gentle);
 *
 * declare module "@mixtape/config" {
 *   interface RopeTypes {
 *     gentle: typeof gentle;
 *   }
 * }
 * ```
 */
export function defineRopeType<
  const Name extends string,
  // biome-ignore lint/complexity/noBannedTypes: an object without keys is what is meant
  F extends ParameterFields = {},
  Filled extends keyof F = never,
>(type: Omit<RopeType<Name, F, Filled>, "fields"> & { readonly fields?: F }): RopeType<Name, F, Filled> {
  return { ...type, fields: type.fields ?? ({} as F) };
}
