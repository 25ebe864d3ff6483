/** Values of a generation config that cannot be used: refused if they would change the text, unless the call gives the option. */
import { type GenerationConfig, generationConfigIssues, type UnusableValue } from "@mixtape/config";
import { GenerationError } from "../generation-error.js";
import type { GenerationOptions, ResolvedOptions } from "./generation-options.js";
import { OPTION_ENTRIES } from "./schema.js";

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

/** Says what to do about a value of a generation config. Only fields of the config are options of a call. */
export function wayOut(field: string, key: string): string {
  const root = key.split(/[.[]/, 1)[0]!;
  const inCall = field === root && root.includes("_") ? "" : `Give ${field} in the call, or `;
  return `${inCall}${inCall ? "pass" : "Pass"} ignore: ["${root}"] when loading`;
}
