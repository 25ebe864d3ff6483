/** The RoPE types that configs know, with their parameters and formulas. */
import type * as z from "zod";
import type { Report } from "../config-definition.js";
import { ConfigError, show } from "../config-error.js";
import type { JsonObject } from "../json.js";
import { checkRopeType } from "./check-rope-type.js";
import { defaultRope } from "./default.js";
import { dynamicRope } from "./dynamic.js";
import { linearRope } from "./linear.js";
import { llama3Rope } from "./llama3.js";
import { longRope } from "./longrope.js";
import { proportionalRope } from "./proportional.js";
import type { RopeParameters, RopeTypeName } from "./rope-parameters.js";
import type { RopeContext, RopeFillConfig, RopeFrequencies, RopeType } from "./rope-type.js";
import { yarnRope } from "./yarn.js";

/** A RoPE type with its parameter types erased. */
interface ErasedRopeType {
  readonly name: string;
  readonly fields: Readonly<Record<string, z.ZodType>>;
  fill?(given: JsonObject, config: RopeFillConfig): JsonObject;
  check?(rope: JsonObject, dims: { readonly dim: number; readonly headDim: number }, report: Report): void;
  frequencies(rope: JsonObject, context: RopeContext & { readonly dim: number }): RopeFrequencies;
  contextLength?(rope: JsonObject, maxPositionEmbeddings: number): number;
  readonly coversWholeHead?: boolean;
}

/** RoPE type of parameters without a type. */
export const DEFAULT_ROPE_TYPE = defaultRope.name;

const types = new Map<string, ErasedRopeType>();
for (const type of [defaultRope, linearRope, dynamicRope, yarnRope, longRope, llama3Rope, proportionalRope])
  types.set(type.name, type as unknown as ErasedRopeType);

/**
 * Registers a RoPE type: configs then read its parameters, and models rotate by its frequencies.
 * @throws {ConfigError} If another type has that name, or a part is missing or of another type.
 */
export function registerRopeType<Name extends string, F extends Readonly<Record<string, z.ZodType>>, K extends keyof F>(
  type: RopeType<Name, F, K>,
): void {
  checkRopeType("registerRopeType", type);
  const erased = type as unknown as ErasedRopeType;
  const known = types.get(type.name);
  if (known && known !== erased)
    throw new ConfigError("registerRopeType", [
      { key: "name", expected: "a name that no other RoPE type has", got: show(type.name), fix: "Choose another name" },
    ]);
  types.set(type.name, erased);
}

/** Lists the RoPE types that configs know, as in `rope_type`. */
export function ropeTypes(): RopeTypeName[] {
  return [...types.keys()] as RopeTypeName[];
}

/** Returns the RoPE type of that name, if it is registered. */
export function findRopeType(name: unknown): ErasedRopeType | undefined {
  return typeof name === "string" ? types.get(name) : undefined;
}

/** @throws {ConfigError} If the type is not registered. */
function typeOf({ ropeType }: Pick<RopeParameters, "ropeType">): ErasedRopeType {
  const type = findRopeType(ropeType);
  if (type) return type;
  throw new ConfigError("config", [{ key: "ropeParameters.ropeType", ...unknownRopeType(ropeType) }]);
}

/** Describes the error for a type that is not registered. */
export function unknownRopeType(name: unknown): { expected: string; got: string; fix: string } {
  return {
    expected: `one of ${ropeTypes().map(show).join(", ")}`,
    got: show(name),
    fix: "Register a custom type with registerRopeType",
  };
}

/** Returns the number of rotated features of a head: `headDim * partialRotaryFactor`, rounded down, for most types. */
export function rotaryDim(headDim: number, rope: Pick<RopeParameters, "ropeType" | "partialRotaryFactor">): number {
  return typeOf(rope).coversWholeHead ? headDim : Math.floor(headDim * rope.partialRotaryFactor);
}

/**
 * Computes the inverse frequencies of rotary position embeddings, as defined in transformers' `modeling_rope_utils`, in
 * float32.
 * @throws {ConfigError} If the type is not registered, or returns anything but `dim / 2` finite frequencies and a finite
 *   factor.
 */
export function ropeFrequencies(rope: RopeParameters, context: RopeContext): RopeFrequencies {
  const dim = rotaryDim(context.headDim, rope);
  const result: RopeFrequencies | undefined = typeOf(rope).frequencies(rope, { ...context, dim });
  const { inverse, scaling } = result ?? {};
  const fault = faultOf(inverse, scaling, dim / 2);
  if (!fault) return result;
  const key = `frequencies of rope_type ${show(rope.ropeType)}`;
  throw new ConfigError("config", [
    { key, expected: `{ inverse, scaling }: ${dim / 2} finite numbers, float32, and a finite number`, got: fault },
  ]);
}

/** Describes what is wrong with the frequencies of a RoPE type; undefined if nothing is. */
function faultOf(inverse: unknown, scaling: unknown, count: number): string | undefined {
  if (!(inverse instanceof Float32Array)) return "an inverse that is no Float32Array";
  if (inverse.length !== count) return `${inverse.length} frequencies`;
  const wrong = inverse.findIndex((frequency) => !Number.isFinite(frequency));
  if (wrong >= 0) return `${inverse[wrong]} for frequency ${wrong}`;
  return Number.isFinite(scaling) ? undefined : `the scaling ${show(scaling)}`;
}

/**
 * Returns the longest context of a model with these parameters: `maxPositionEmbeddings`, stretched if the type scales
 * and `maxPositionEmbeddings` may still be the original length, as vLLM derives `max_model_len`. transformers has no
 * limit.
 * @throws {ConfigError} If the type is not registered, or returns anything but a number above 0.
 */
export function contextLength({
  ropeParameters: rope,
  maxPositionEmbeddings: max,
}: {
  readonly ropeParameters: RopeParameters;
  readonly maxPositionEmbeddings: number;
}): number {
  const length: unknown = typeOf(rope).contextLength?.(rope, max) ?? max;
  if (typeof length === "number" && length > 0) return length;
  const key = `contextLength of rope_type ${show(rope.ropeType)}`;
  throw new ConfigError("config", [
    { key, expected: "a number of tokens above 0, or Infinity for no limit", got: show(length) },
  ]);
}
