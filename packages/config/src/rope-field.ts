/** Reads RoPE parameters from either spelling, as transformers' `RotaryEmbeddingConfigMixin` does, and writes them back. */
import type * as z from "zod";
import type { CompoundField, Report } from "./config-definition.js";
import { show } from "./config-error.js";
import { camelCase, isObject, type JsonObject, own, snakeCase } from "./json.js";
import { type DefaultRope, ROPE_TYPES, type RopeParameters, type RopeType, ropeSchemas } from "./rope.js";

type Input<T extends RopeType> = Omit<
  z.input<(typeof ropeSchemas)[T]>,
  "ropeTheta" | "originalMaxPositionEmbeddings"
> & {
  readonly ropeTheta?: number;
};
type Stretched<T extends "yarn" | "longrope" | "llama3"> = Input<T> & {
  /** `maxPositionEmbeddings` unless given. */
  readonly originalMaxPositionEmbeddings?: number;
};
/** `maxPositionEmbeddings / originalMaxPositionEmbeddings` unless given. */
type FactorOptional<T> = Omit<T, "factor"> & { readonly factor?: number | null };

/** RoPE parameters as code gives them: what has a default may be left out. */
export type RopeParametersInput =
  | (Omit<Input<"default">, "ropeType"> & { readonly ropeType?: DefaultRope["ropeType"] })
  | Input<"linear">
  | Input<"dynamic">
  | FactorOptional<Stretched<"yarn">>
  | FactorOptional<Stretched<"longrope">>
  | Stretched<"llama3">;

const STRETCHED = new Set(["yarn", "longrope", "llama3"]);

/** Keys inside the parameters that some files carry and that no formula reads. */
const INERT = new Set(["finetuned"]);

const KEYS = [
  "rope_parameters",
  "rope_scaling",
  "rope_theta",
  "partial_rotary_factor",
  "original_max_position_embeddings",
] as const;

/** What a family says of its RoPE. */
export interface RopeFieldOptions {
  /** θ where the file gives none: 10000 unless told. */
  readonly defaultTheta?: number;
  /** Whether the model can rotate a part of each head. It can unless told. */
  readonly partial?: boolean;
}

/**
 * The field `ropeParameters`. It takes `rope_parameters`, or `rope_scaling` in its place; `rope_theta` and
 * `partial_rotary_factor` at the top level where the parameters have none; and `original_max_position_embeddings`, which at
 * the top level goes first.
 */
export function rope(options: RopeFieldOptions = {}): CompoundField<RopeParameters, RopeParametersInput> {
  const { defaultTheta = 10_000 } = options;
  return {
    keys: KEYS,
    read(json, config, report) {
      const [key, given] = chosen(json);
      const reportPart: Report = (part, fault) => report(locate(json, part), fault);
      if (given !== null && !isObject(given)) {
        report(key, { expected: "an object or null", got: show(given) });
        return { ropeType: "default", ropeTheta: defaultTheta, partialRotaryFactor: 1 };
      }
      const { type, ...params } = camelParams(given ?? {}, reportPart);
      params.ropeType ??= type;
      for (const name of ["ropeTheta", "partialRotaryFactor"]) params[name] ??= own(json, snakeCase(name));
      const original = own(json, "original_max_position_embeddings");
      if (original != null) params.originalMaxPositionEmbeddings = original;
      return normalize(params, config, options, reportPart);
    },
    accept(input, config, report) {
      const reportInside: Report = (path, fault) => report(path ? `ropeParameters.${path}` : "ropeParameters", fault);
      return normalize({ ...input }, config, options, reportInside);
    },
    write,
    locate,
  };
}

/** The key that holds the parameters, and what it holds. */
function chosen(json: JsonObject): [key: string, value: unknown] {
  const scaling = own(json, "rope_scaling");
  const isEmpty = isObject(scaling) && Object.keys(scaling).length === 0;
  if (scaling && !isEmpty) return ["rope_scaling", scaling];
  return ["rope_parameters", own(json, "rope_parameters") ?? null];
}

/** The key that a parameter in camelCase comes from: inside the parameters, or beside them. */
function locate(json: JsonObject, part: string): string {
  const [key, given] = chosen(json);
  const name = snakeCase(part);
  const isInside = isObject(given) && own(given, name) != null && name !== "original_max_position_embeddings";
  const isBeside = KEYS.some((k) => k === name) && own(json, name) != null;
  if (isBeside && !isInside) return name;
  return name ? `${key}.${name}` : key;
}

/** The keys of the file in camelCase. A key that is in camelCase in the file is not known there. */
function camelParams(given: JsonObject, report: Report): Record<string, unknown> {
  const params: [string, unknown][] = [];
  for (const [key, value] of Object.entries(given)) {
    if (INERT.has(key)) continue;
    if (snakeCase(camelCase(key)) === key) params.push([camelCase(key), value]);
    else report("", { expected: "parameters in snake_case", got: show(key), tolerated: true });
  }
  return Object.fromEntries(params);
}

function normalize(
  given: JsonObject,
  config: JsonObject,
  { defaultTheta = 10_000, partial = true }: RopeFieldOptions,
  report: Report,
): RopeParameters {
  const params: Record<string, unknown> = { ...given };
  const ropeType = params.ropeType ?? "default";
  const fallback: RopeParameters = { ropeType: "default", ropeTheta: defaultTheta, partialRotaryFactor: 1 };
  if (!isRopeType(ropeType)) {
    report("ropeType", { expected: `one of ${ROPE_TYPES.map(show).join(", ")}`, got: show(ropeType) });
    return fallback;
  }
  params.ropeType = ropeType;
  params.ropeTheta ??= defaultTheta;
  // Only at fault where `maxPositionEmbeddings` is itself at fault, and then the config is refused anyway.
  const max = typeof config.maxPositionEmbeddings === "number" ? config.maxPositionEmbeddings : 1;
  if (STRETCHED.has(ropeType)) params.originalMaxPositionEmbeddings ??= max;
  else delete params.originalMaxPositionEmbeddings;
  if (ropeType === "yarn" || ropeType === "longrope") {
    params.factor ??= Math.max(1, max / Number(params.originalMaxPositionEmbeddings));
  }
  // For every parameter that has a default, null means the default.
  for (const [name, value] of Object.entries(params)) if (value == null) delete params[name];
  dropUnknown(params, ropeType, report);

  const result = ropeSchemas[ropeType].safeParse(params);
  if (result.success && !partial && result.data.partialRotaryFactor !== 1) {
    // The families of whole heads read it for the scaled types alone, whose angles would not fit the heads then.
    const tolerated = ropeType === "default";
    const got = show(result.data.partialRotaryFactor);
    report("partialRotaryFactor", { expected: "1, as this model rotates whole heads", got, tolerated });
    return { ...result.data, partialRotaryFactor: 1 };
  }
  if (!result.success) reportIssues(result.error.issues, params, report);
  return result.success ? result.data : fallback;
}

/** Parameters for each type of layer: other maths, not a key that nobody reads. */
const LAYER_TYPES = new Set(["fullAttention", "slidingAttention"]);

/** Takes out what the type's formula does not read, as transformers does with a warning. */
function dropUnknown(params: Record<string, unknown>, type: RopeType, report: Report): void {
  const known = Object.keys(ropeSchemas[type].shape);
  for (const key of Object.keys(params)) {
    if (known.includes(key)) continue;
    report(key, {
      expected: `a parameter of rope_type "${type}" (${known.map(snakeCase).join(", ")})`,
      got: show(params[key]),
      tolerated: !LAYER_TYPES.has(key),
    });
    delete params[key];
  }
}

function reportIssues(issues: readonly z.core.$ZodIssue[], params: JsonObject, report: Report): void {
  for (const issue of issues) {
    const [name = "", index] = issue.path;
    const value = params[String(name)];
    const item = typeof index === "number" && Array.isArray(value) ? value[index] : value;
    report(`${String(name)}${index === undefined ? "" : `[${String(index)}]`}`, {
      expected: issue.message,
      got: show(item),
    });
  }
}

function isRopeType(value: unknown): value is RopeType {
  return ROPE_TYPES.some((type) => type === value);
}

/** The parameters in the spelling that the file uses: `rope_theta` and `rope_scaling`, or `rope_parameters`. */
function write(value: RopeParameters, json: JsonObject): JsonObject {
  const { ropeTheta, ropeType, ...rest } = value;
  const [key, given] = chosen(json);
  const typeKeys = ["rope_type", "type"].filter((k) => isObject(given) && Object.hasOwn(given, k));
  const params: Record<string, unknown> = Object.fromEntries(
    (typeKeys.length ? typeKeys : ["rope_type"]).map((k) => [k, ropeType]),
  );
  for (const k of INERT) if (isObject(given) && Object.hasOwn(given, k)) params[k] = given[k];
  for (const [name, v] of Object.entries(rest)) {
    const isUnset = v === null || (name === "partialRotaryFactor" && v === 1);
    if (!isUnset) params[snakeCase(name)] = v;
  }

  const edits: Record<string, unknown> = {};
  if (Object.hasOwn(json, "rope_theta")) edits.rope_theta = ropeTheta;
  if (Object.hasOwn(json, "partial_rotary_factor")) edits.partial_rotary_factor = value.partialRotaryFactor;
  if (Object.hasOwn(json, "original_max_position_embeddings") && "originalMaxPositionEmbeddings" in value) {
    edits.original_max_position_embeddings = value.originalMaxPositionEmbeddings;
  }
  const isLegacy = key === "rope_scaling" || (Object.hasOwn(json, "rope_theta") && !isObject(given));
  if (!isLegacy) return { ...edits, rope_parameters: { ...params, rope_theta: ropeTheta } };
  const thetaInside = isObject(given) && Object.hasOwn(given, "rope_theta");
  if (thetaInside || !Object.hasOwn(json, "rope_theta")) params.rope_theta = ropeTheta;
  const isPlain = ropeType === "default" && Object.keys(params).length === 1;
  if (isPlain && !Object.hasOwn(json, "rope_scaling")) return edits;
  return { ...edits, rope_scaling: isPlain ? null : params };
}
