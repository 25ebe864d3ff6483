/** Flags of generation options, from the options' schema. */

import { ids, number, Option, someText, textOf } from "@mixtape/command-line";
import { type GenerationField, OPTION_ENTRIES } from "@mixtape/generation/options";

/**
 * Lists a flag for each option of the schema that has one.
 * @param defaults of the command, in words, by option
 */
export function generationFlags(defaults: Readonly<Record<string, string>>): Option[] {
  return OPTION_ENTRIES.flatMap(([name, field]) => {
    if (field.flag === undefined) return [];
    const byDefault = defaults[name] ?? defaultOf(field);
    const about = `${field.about.replaceAll("`", "")}${byDefault && ` (default: ${byDefault})`}`;
    return [new Option(field.flag, about).argParser<unknown>(parserOf(field))];
  });
}

function defaultOf({ key, default: value, defaultText }: GenerationField): string {
  if (defaultText !== undefined) return defaultText.replaceAll("`", "");
  if (typeof value === "number") return key === null ? `${value}` : `the model's, or ${value}`;
  return "";
}

/** Returns a parser for texts, token ids, a dtype or a number, depending on the placeholder of the flag. */
function parserOf(field: GenerationField): (text: string, before: unknown) => unknown {
  if (field.flag!.includes("<text"))
    return (text, before) => [...((before as string[] | undefined) ?? []), someText(text)];
  if (field.flag!.includes("<ids>")) return ids;
  if (field.flag!.includes("[n]")) return number((n) => Number.isSafeInteger(n) && n >= 0, "an integer of at least 0");
  const faultOf = (value: unknown) => field.schema.safeParse(value).error?.issues[0]?.message;
  if (field.flag!.includes("<dtype>")) return textOf((text) => faultOf(text) === undefined, faultOf("")!);
  return number((value) => faultOf(value) === undefined, faultOf(Number.NaN) ?? "a number");
}
