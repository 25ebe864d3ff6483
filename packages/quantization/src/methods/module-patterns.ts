import { compileRegex, RegexError } from "@mixtape/regex";
import { QuantizationError } from "../errors.js";

/** Classes of modules that have weights here: every quantised weight is one of a linear map, or of an embedding. */
const CLASSES = ["Linear", "Embedding"];

/**
 * Compiles `targets` or `ignore` of compressed-tensors: class names, paths of modules, and `re:` with a Python regular
 * expression that matches the beginning of a path.
 * @returns whether a module is among them, by its path
 * @throws {QuantizationError} for an invalid expression
 */
export function modulePatterns(patterns: readonly string[], where: string): (module: string) => boolean {
  const tests = patterns.map((pattern) => {
    if (CLASSES.includes(pattern)) return () => true;
    if (!pattern.startsWith("re:")) return (module: string) => module === pattern;
    const regex = compiled(pattern.slice(3), where);
    return (module: string) => regex.match(module) !== undefined;
  });
  return (module) => tests.some((test) => test(module));
}

function compiled(source: string, where: string): ReturnType<typeof compileRegex> {
  try {
    return compileRegex(source, { syntax: "python" });
  } catch (cause) {
    if (!(cause instanceof RegexError)) throw cause;
    throw new QuantizationError({ where, expected: "regular expressions", got: cause.message, cause });
  }
}
