/** Values of a generation config that cannot be used: refused if they would change the text, unless the call gives the option. */
import { type GenerationConfig, generationConfigIssues, type UnusableValue } from "@mixtape/config";
import type { Fix } from "@mixtape/errors";
import { GenerationError } from "../generation-error.js";
import type { GenerationOptions, ResolvedOptions } from "./generation-options.js";
import { GENERATION_OPTIONS, OPTION_ENTRIES } from "./schema.js";

/** @throws {GenerationError} naming the file and the key */
export function refuseUnusable(
  resolved: ResolvedOptions,
  options: GenerationOptions,
  defaults: GenerationConfig,
): void {
  const { file, issues } = generationConfigIssues(defaults) ?? { file: "", issues: [] };
  const fault = issues.find((one) => counts(one, resolved, options, defaults));
  if (!fault) return;
  const { key, field, expected, got } = fault;
  throw new GenerationError({
    where: `${file}: ${key}`,
    expected,
    got,
    fix: field === "" ? "Mend the file, or remove it" : (fault.fix ?? wayOut(field, key)),
  });
}

/** Returns whether a value of the file would change the text of this call. */
function counts(
  { field }: UnusableValue,
  { doSample, topK }: ResolvedOptions,
  options: GenerationOptions,
  defaults: GenerationConfig,
): boolean {
  if ((options as Readonly<Record<string, unknown>>)[field] !== undefined) return false;
  switch (field) {
    case "bosTokenId":
    // These are checked where they are needed.
    case "padTokenId":
    case "stopStrings":
      return false;
    case "doSample":
      return options.temperature === undefined;
    case "maxLength":
      return (options.maxNewTokens ?? defaults.maxNewTokens) === undefined;
    case "penalty_alpha":
      return !doSample && topK > 1;
    default:
      return doSample || !OPTION_ENTRIES.some(([name, { samplingOnly }]) => name === field && samplingOnly);
  }
}

/**
 * Suggests how to do without a value of a generation config.
 * @param field option or key that the value is for
 * @param key path of the value in the file
 */
export function wayOut(field: string, key: string): Fix {
  const root = key.split(/[.[]/, 1)[0]!;
  // A limit of new tokens takes precedence over one of prompt and text together, which is no option.
  const option = field === "maxLength" ? "maxNewTokens" : field;
  const isOption = Object.hasOwn(GENERATION_OPTIONS, option);
  return [
    ...(isOption ? [{ option, text: (own: string) => `set ${own}` }] : []),
    { option: "ignore", value: [root], text: (own) => `pass ${own} to load the model without it` },
  ];
}
