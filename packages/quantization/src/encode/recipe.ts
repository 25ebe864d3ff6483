import { QuantizationError } from "../errors.js";
import { pathPatterns } from "../methods/module-patterns.js";
import type { WeightScheme } from "./weight-scheme.js";

/** Values along a row that share a scale; `channel` for one scale per row. */
export type GroupSize = number | "channel";

/**
 * Format of weights: integers of 4 or 8 bits, floats of 8 bits (E4M3) with a scale per row, or `none` for weights that stay as they
 * are.
 */
export type WeightFormat = "int4" | "int8" | "fp8" | "none";

/** Formats of weights that are quantised. */
export type QuantizeFormat = Exclude<WeightFormat, "none">;

/** A rule of a recipe. Of several rules for a weight the first one counts; without any it stays as it is. */
export interface QuantizationRule {
  /**
   * Paths of modules on disk, or parts of them in whole segments, with `*` for anything: `lm_head`, `mlp.experts`,
   * `layers.0.*.down_proj`. Everything below a module is included.
   */
  readonly modules: readonly string[];
  readonly weights: WeightFormat;
  /** Default: that of the options. Without effect on `fp8`. */
  readonly groupSize?: GroupSize;
}

/** Quantisation of a model's matrices. Vectors, such as norms and biases, stay as they are. */
export interface QuantizeOptions {
  /** Format of the experts and of dense feed-forward layers in the default rules. Default: `int4`. */
  readonly weights?: QuantizeFormat;
  /** Values along a row that share a scale. Default: 32. Without effect on `fp8`. */
  readonly groupSize?: GroupSize;
  /**
   * Format of the embeddings and of a language model's head in the default rules. Default: `int8` in memory; `none` on disk,
   * because transformers does not read quantised ones.
   */
  readonly embeddings?: "int8" | "none";
  /** Modules that stay as they are, as in a rule. Default: none. */
  readonly ignore?: readonly string[];
  /** Default: {@link defaultRules}; then the formats above have no effect. */
  readonly rules?: readonly QuantizationRule[];
}

/** Routers, and gates of shared experts: small, and a wrong choice of experts costs most. */
const ROUTERS = ["gate", "router", "shared_expert_gate"];

/** Attention: every token reads it, and it is a small part of a mixture, so that 8 bits cost little. */
const ATTENTION = ["self_attn", "linear_attn"];

/** Embeddings and the head of a language model. */
const EMBEDDINGS = ["embed_tokens", "lm_head"];

/**
 * Returns the rules that apply by default: routers stay as they are; attention, embeddings and the head of a language model have
 * 8 bits; all else in layers, such as experts, has the given format. With `fp8`, so has attention.
 */
export function defaultRules(
  weights: QuantizeFormat = "int4",
  embeddings: "int8" | "none" = "int8",
): readonly QuantizationRule[] {
  return [
    { modules: ROUTERS, weights: "none" },
    { modules: ATTENTION, weights: weights === "fp8" ? "fp8" : "int8" },
    { modules: EMBEDDINGS, weights: embeddings },
    { modules: ["layers"], weights },
  ];
}

/** Returns the scheme of a module by its path on disk; undefined if its weight stays as it is. */
export type Recipe = (module: string) => WeightScheme | undefined;

/**
 * Compiles options.
 * @param where their name, for errors
 * @throws {QuantizationError} for an unknown key, or another value than the described ones
 */
export function compileRecipe(options: QuantizeFormat | QuantizeOptions, where = "quantize"): Recipe {
  const object = typeof options === "string" ? { weights: options } : options;
  checkKeys(object, where, ["weights", "groupSize", "embeddings", "ignore", "rules"]);
  const { weights = "int4", groupSize = 32, embeddings = "int8", ignore = [] } = object;
  const { rules = defaultRules(weights, embeddings) } = object;
  if (!["int4", "int8", "fp8"].includes(weights))
    throw invalid(typeof options === "string" ? where : `${where}.weights`, '"int4", "int8" or "fp8"', weights);
  if (!["int8", "none"].includes(embeddings)) throw invalid(`${where}.embeddings`, '"int8" or "none"', embeddings);
  checkGroupSize(groupSize, `${where}.groupSize`);
  checkNames(ignore, `${where}.ignore`);
  if (!Array.isArray(rules)) throw invalid(`${where}.rules`, "a list of rules", rules);
  const isIgnored = pathPatterns(ignore);
  const tests = rules.map((rule: QuantizationRule, i) => compileRule(rule, groupSize, `${where}.rules[${i}]`));
  return (module) => (isIgnored(module) ? undefined : tests.find(({ matches }) => matches(module))?.scheme);
}

interface CompiledRule {
  readonly matches: (module: string) => boolean;
  readonly scheme: WeightScheme | undefined;
}

function compileRule(rule: QuantizationRule, fallback: GroupSize, where: string): CompiledRule {
  checkKeys(rule, where, ["modules", "weights", "groupSize"]);
  const { modules, weights, groupSize = fallback } = rule;
  checkNames(modules, `${where}.modules`);
  checkGroupSize(groupSize, `${where}.groupSize`);
  if (!["int4", "int8", "fp8", "none"].includes(weights))
    throw invalid(`${where}.weights`, '"int4", "int8", "fp8" or "none"', weights);
  return { matches: pathPatterns(modules), scheme: schemeOf(weights, groupSize) };
}

function schemeOf(weights: WeightFormat, groupSize: GroupSize): WeightScheme | undefined {
  if (weights === "none") return undefined;
  if (weights === "fp8") return { type: "float", bits: 8, groupSize: "channel" };
  return { type: "int", bits: weights === "int4" ? 4 : 8, groupSize };
}

function checkKeys(value: unknown, where: string, keys: readonly string[]): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(where, where.endsWith("]") ? "a rule" : '"int4", "int8", "fp8" or an object', value);
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw invalid(where, `keys among ${keys.join(", ")}`, unknown);
}

function checkNames(value: unknown, where: string): void {
  if (Array.isArray(value) && value.every((name) => typeof name === "string" && /[^*.]/.test(name))) return;
  throw invalid(where, "a list of module paths", value);
}

function checkGroupSize(value: unknown, where: string): void {
  if (value === "channel" || (Number.isSafeInteger(value) && (value as number) > 0)) return;
  throw invalid(where, 'a positive integer or "channel"', value);
}

function invalid(where: string, expected: string, value: unknown): QuantizationError {
  return new QuantizationError({ where, expected, got: JSON.stringify(value) ?? String(value) });
}
