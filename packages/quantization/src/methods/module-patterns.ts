/** Lists of modules in quantisation configs, by their paths. Each returns whether a module is among them. */

import { compileRegex, type Regex, RegexError } from "@mixtape/regex";
import { QuantizationError } from "../errors.js";

/** Classes of modules that have weights here: every quantised weight is one of a linear map, or of an embedding. */
const LINEAR = "Linear";
const EMBEDDING = "Embedding";

/**
 * Compiles `targets` or `ignore` of compressed-tensors: class names, paths of modules, and `re:` with a Python regular
 * expression that matches the beginning of a path.
 * Reference: compressed_tensors, `utils/match.py`, `match_name` and `_match_class`.
 * @throws {QuantizationError} for an invalid expression
 */
export function modulePatterns(patterns: readonly string[], where: string): (module: string) => boolean {
  const tests = patterns.map((pattern) => {
    if (pattern === LINEAR) return (module: string) => !isEmbedding(module);
    if (pattern === EMBEDDING) return isEmbedding;
    if (!pattern.startsWith("re:")) return (module: string) => module === pattern;
    const regex = pythonRegex(pattern.slice(3), where);
    return (module: string) => regex.match(module) !== undefined;
  });
  return (module) => tests.some((test) => test(module));
}

/** Whether a target of compressed-tensors is a path or a regular expression, not a class. */
export function isModulePattern(target: string): boolean {
  return target !== LINEAR && target !== EMBEDDING;
}

function isEmbedding(module: string): boolean {
  return module === "embed_tokens" || module.endsWith(".embed_tokens");
}

/**
 * Compiles lists of module paths, or parts of them, with `*` for anything: `lm_head`, `model.layers.*.mlp.router`, `*mlp.gate*`.
 * They match whole segments of a path, so that `mlp.gate` is not `mlp.gate_proj`, and everything below a module.
 */
export function pathPatterns(patterns: readonly string[]): (module: string) => boolean {
  const paths = patterns.map((pattern) => pattern.replace(/^\*+\.?|\.?\*+$/g, "").replace(/\.weight$/, ""));
  // Lists of hundreds of paths are common, and checkpoints of tens of thousands of modules.
  const plain = new Set(paths.filter((path) => !path.includes("*")));
  const lengths = new Set([...plain].map((path) => path.split(".").length));
  const globs = paths.filter((path) => path.includes("*")).map((path) => path.split("*"));
  return (module) => hasPath(module, plain, lengths) || globs.some((glob) => hasSegments(module, glob));
}

/** Whether a run of segments of a path is among the given ones, which have these numbers of segments. */
function hasPath(path: string, paths: ReadonlySet<string>, lengths: ReadonlySet<number>): boolean {
  const starts = [0];
  for (let dot = path.indexOf("."); dot >= 0; dot = path.indexOf(".", dot + 1)) starts.push(dot + 1);
  starts.push(path.length + 1);
  for (const length of lengths)
    for (let i = 0; i + length < starts.length; i++)
      if (paths.has(path.slice(starts[i], starts[i + length]! - 1))) return true;
  return false;
}

/** Whether whole segments of a path consist of these pieces, with anything between them. */
function hasSegments(path: string, [first = "", ...rest]: readonly string[]): boolean {
  const last = rest.pop();
  const isEnd = (at: number): boolean => at === path.length || path[at] === ".";
  for (let start = 0; start >= 0; start = path.indexOf(".", start) + 1 || -1) {
    if (!path.startsWith(first, start)) continue;
    let at = start + first.length;
    for (const piece of rest) {
      const found = at < 0 ? -1 : path.indexOf(piece, at);
      at = found < 0 ? -1 : found + piece.length;
    }
    if (at < 0) continue;
    if (last === undefined) {
      if (isEnd(at)) return true;
      continue;
    }
    for (let found = path.indexOf(last, at); found >= 0; found = path.indexOf(last, found + 1))
      if (isEnd(found + last.length)) return true;
  }
  return false;
}

/** @throws {QuantizationError} for an invalid expression */
export function pythonRegex(source: string, where: string): Regex {
  try {
    return compileRegex(source, { syntax: "python" });
  } catch (cause) {
    if (!(cause instanceof RegexError)) throw cause;
    throw new QuantizationError({ where, expected: "a regular expression", got: cause.message, cause });
  }
}
