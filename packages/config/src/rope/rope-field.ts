/**
 * Reads RoPE parameters from either spelling, as transformers' `RotaryEmbeddingConfigMixin` does, and writes them back.
 */
import type { CompoundField, Report } from "../config-definition.js";
import { show } from "../config-error.js";
import { camelCase, isObject, type JsonObject, own, snakeCase } from "../json.js";
import { DEFAULT_ROPE_TYPE, findRopeType, unknownRopeType } from "./registry.js";
import type { RopeParameters, RopeParametersInput } from "./rope-parameters.js";
import { commonFields } from "./rope-type.js";

/** Keys inside the parameters that some files have and no formula reads. */
const INERT = new Set(["finetuned"]);

const KEYS = [
  "rope_parameters",
  "rope_scaling",
  "rope_theta",
  "partial_rotary_factor",
  "original_max_position_embeddings",
] as const;

/** A family's RoPE defaults. */
export interface RopeFieldOptions {
  /** θ if the file gives none. Default: 10000. */
  readonly defaultTheta?: number;
  /** Rotated fraction of each head if the file gives none. Default: 1. */
  readonly defaultPartialRotaryFactor?: number;
  /** Whether the model can rotate a part of each head. Default: true. */
  readonly partial?: boolean;
  /** Parameters if the file gives none at all. Default: the type "default". */
  readonly defaults?: RopeParametersInput;
}

/**
 * The field `ropeParameters`. Reads `rope_parameters`, or else `rope_scaling`; `rope_theta` and `partial_rotary_factor`
 * at the top level if the parameters have none; and `original_max_position_embeddings`, of which the top-level one
 * takes precedence.
 */
export function rope(options: RopeFieldOptions = {}): CompoundField<RopeParameters, RopeParametersInput> {
  const { defaultTheta = 10_000, defaults = {} } = options;
  return {
    keys: KEYS,
    read(json, config, report) {
      const [key, given] = chosen(json);
      const reportPart: Report = (part, fault) => report(locate(json, part), fault);
      if (given !== null && !isObject(given)) {
        report(key, { expected: "an object or null", got: show(given) });
        return plainRope(defaultTheta);
      }
      const { type, ...params }: Record<string, unknown> =
        given === null ? { ...defaults } : camelParams(given, reportPart);
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
    write: (value, json) => write(value, json, options),
    locate,
  };
}

/** Returns the key that holds the parameters, and its value. */
function chosen(json: JsonObject): [key: string, value: unknown] {
  const scaling = own(json, "rope_scaling");
  const isEmpty = isObject(scaling) && Object.keys(scaling).length === 0;
  if (scaling && !isEmpty) return ["rope_scaling", scaling];
  return ["rope_parameters", own(json, "rope_parameters") ?? null];
}

/** Returns the key that a camelCase parameter comes from: inside the parameters, or beside them. */
function locate(json: JsonObject, part: string): string {
  const [key, given] = chosen(json);
  const name = snakeCase(part);
  const isInside = isObject(given) && own(given, name) != null && name !== "original_max_position_embeddings";
  const isBeside = KEYS.some((k) => k === name) && own(json, name) != null;
  if (isBeside && !isInside) return name;
  return name ? `${key}.${name}` : key;
}

/** Converts the file's keys to camelCase. A key that is already camelCase in the file is unknown. */
function camelParams(given: JsonObject, report: Report): Record<string, unknown> {
  const params: [string, unknown][] = [];
  for (const [key, value] of Object.entries(given)) {
    if (INERT.has(key)) continue;
    if (snakeCase(camelCase(key)) === key) params.push([camelCase(key), value]);
    else report("", { expected: "parameters in snake_case", got: show(key), tolerated: true });
  }
  return Object.fromEntries(params);
}

/** Placeholder for invalid parameters, until the config is refused. */
function plainRope(ropeTheta: number): RopeParameters {
  return { ropeType: DEFAULT_ROPE_TYPE, ropeTheta, partialRotaryFactor: 1 };
}

function normalize(
  given: JsonObject,
  config: JsonObject,
  { defaultTheta = 10_000, defaultPartialRotaryFactor = 1, partial = true }: RopeFieldOptions,
  report: Report,
): RopeParameters {
  const { ropeType: named, ...params }: Record<string, unknown> = given;
  const ropeType = named ?? DEFAULT_ROPE_TYPE;
  const type = findRopeType(ropeType);
  if (!type) {
    report("ropeType", unknownRopeType(ropeType));
    return plainRope(defaultTheta);
  }
  const fields = { ...commonFields, ...type.fields };
  params.ropeTheta ??= defaultTheta;
  params.partialRotaryFactor ??= defaultPartialRotaryFactor;
  // At the top level it belongs to the model, whatever its RoPE.
  if (!Object.hasOwn(fields, "originalMaxPositionEmbeddings")) delete params.originalMaxPositionEmbeddings;
  reportUnknown(params, type.name, Object.keys(fields), report);

  const values: Record<string, unknown> = {};
  let faulty = false;
  const read = (name: string, value: unknown): void => {
    const result = fields[name as keyof typeof fields].safeParse(value);
    if (result.success) values[name] = result.data;
    else faulty = true;
    for (const issue of result.error?.issues ?? []) {
      const [index] = issue.path;
      const item = typeof index === "number" && Array.isArray(value) ? value[index] : value;
      report(index === undefined ? name : `${name}[${String(index)}]`, { expected: issue.message, got: show(item) });
    }
  };
  // For every parameter with a default, null means the default.
  const isGiven = (name: string): boolean => own(params, name) != null;
  for (const name of Object.keys(fields).filter(isGiven)) read(name, params[name]);
  // Invalid only if `maxPositionEmbeddings` is invalid too, and then the config is refused anyway.
  const max = typeof config.maxPositionEmbeddings === "number" ? config.maxPositionEmbeddings : 1;
  const filled: JsonObject = type.fill?.(values, { maxPositionEmbeddings: max }) ?? {};
  for (const name of Object.keys(fields)) if (!isGiven(name)) read(name, own(filled, name));
  if (faulty) return plainRope(defaultTheta);

  const ordered = Object.fromEntries(Object.keys(fields).map((name) => [name, values[name]]));
  const rope = { ropeType: type.name, ...ordered } as RopeParameters;
  if (partial || type.coversWholeHead || rope.partialRotaryFactor === 1) return rope;
  // Families that rotate whole heads read it only for scaled types, whose angles would then not fit the heads.
  const tolerated = rope.ropeType === DEFAULT_ROPE_TYPE;
  const got = show(rope.partialRotaryFactor);
  report("partialRotaryFactor", { expected: "1, as this model rotates whole heads", got, tolerated });
  return { ...rope, partialRotaryFactor: 1 };
}

/** Parameters for each type of layer: they change the computation, unlike keys that nothing reads. */
const LAYER_TYPES = new Set(["fullAttention", "slidingAttention"]);

/** Reports parameters that the type's formula does not read; transformers warns about them. */
function reportUnknown(params: JsonObject, type: string, names: readonly string[], report: Report): void {
  const known = ["ropeType", ...names];
  for (const key of Object.keys(params).filter((name) => params[name] != null && !known.includes(name))) {
    report(key, {
      expected: `a parameter of rope_type "${type}" (${known.map(snakeCase).join(", ")})`,
      got: show(params[key]),
      tolerated: !LAYER_TYPES.has(key),
    });
  }
}

/** Returns the parameters in the file's spelling: `rope_theta` and `rope_scaling`, or `rope_parameters`. */
function write(
  value: RopeParameters,
  json: JsonObject,
  { defaultPartialRotaryFactor = 1, defaults }: RopeFieldOptions,
): JsonObject {
  const { ropeTheta, ropeType, ...rest } = value;
  const [key, given] = chosen(json);
  const typeKeys = ["rope_type", "type"].filter((k) => isObject(given) && Object.hasOwn(given, k));
  const params: Record<string, unknown> = Object.fromEntries(
    (typeKeys.length ? typeKeys : ["rope_type"]).map((k) => [k, ropeType]),
  );
  for (const k of INERT) if (isObject(given) && Object.hasOwn(given, k)) params[k] = given[k];
  for (const [name, v] of Object.entries(rest)) {
    const isUnset = v === null || (name === "partialRotaryFactor" && v === defaultPartialRotaryFactor);
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
  // If the family has no other default type, the default type need not be written.
  const isPlain = ropeType === DEFAULT_ROPE_TYPE && Object.keys(params).length === 1 && !defaults;
  if (isPlain && !Object.hasOwn(json, "rope_scaling")) return edits;
  return { ...edits, rope_scaling: isPlain ? null : params };
}
