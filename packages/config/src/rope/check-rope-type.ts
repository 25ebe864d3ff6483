import { ConfigError, type ConfigIssue, show } from "../config-error.js";
import { commonFields } from "./rope-type.js";

const FUNCTIONS = ["fill", "check", "contextLength"] as const;

/**
 * Checks the parts of a RoPE type, which JavaScript would accept and a model would trip over.
 * @param where the function that was called
 * @throws {ConfigError} naming every wrong part
 */
export function checkRopeType(where: string, type: unknown): void {
  const issues = [...issuesOf(type)];
  const [first, ...more] = issues;
  if (first) throw new ConfigError(where, [first, ...more]);
}

function* issuesOf(type: unknown): Generator<ConfigIssue> {
  if (!isObject(type)) return yield { key: "type", expected: "an object with name and frequencies", got: kindOf(type) };
  const { name, fields = {}, frequencies } = type;
  if (typeof name !== "string" || name.trim() === "")
    yield { key: "name", expected: "a name, as rope_type has it in files", got: kindOf(name) };
  if (typeof frequencies !== "function")
    yield { key: "frequencies", expected: "a function that returns { inverse, scaling }", got: kindOf(frequencies) };
  for (const key of FUNCTIONS)
    if (type[key] !== undefined && typeof type[key] !== "function")
      yield { key, expected: "a function, if anything", got: kindOf(type[key]) };
  if (!isObject(fields)) return yield { key: "fields", expected: "schemas by name", got: kindOf(fields) };
  const common = ["ropeType", ...Object.keys(commonFields)];
  for (const [field, schema] of Object.entries(fields)) {
    const key = `fields.${field}`;
    if (common.includes(field))
      yield { key, expected: `a name besides ${common.join(", ")}, which every RoPE type has`, got: field };
    else if (!isObject(schema) || !("_zod" in schema))
      yield { key, expected: "a schema, such as number({ above: 0 })", got: kindOf(schema) };
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  return typeof value === "function" ? "a function" : show(value);
}
