/** The README's table of options, and the type of the options, say what the schema says. */

import { readFileSync } from "node:fs";
import type { GenerationConfig, generationFields } from "@mixtape/config";
import { describe, expect, expectTypeOf, test } from "vitest";
import type { TextOptions } from "../src/index.js";
import { type GENERATION_OPTIONS, type GenerationField, OPTION_ENTRIES } from "../src/options/schema.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

/** What the schema expects, as it says to a value of no use. */
const valuesOf = ({ schema }: GenerationField): string => schema.safeParse(Symbol("none")).error!.issues[0]!.message;

const shown = (value: unknown): string => (value === null ? "none" : `\`${JSON.stringify(value)}\``);
const code = (text: string | null | undefined): string => (text ? `\`${text}\`` : "–");

/** The table as the README has it. */
function tableOf(entries: typeof OPTION_ENTRIES): string {
  const rows = entries.map(([name, field]) => [
    code(name),
    valuesOf(field),
    field.defaultText ?? shown(field.default),
    code(field.key),
    code(field.flag?.split(" ", 1)[0]),
    field.about,
  ]);
  const head = ["option", "values", "default", "key of the file", "flag", "effect"];
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

test("the README has the table of the schema", () => {
  const begin = readme.indexOf("| option |");
  expect(readme.slice(begin, readme.indexOf("\n\n", begin))).toBe(tableOf(OPTION_ENTRIES));
});

describe("the schema", () => {
  test.each(OPTION_ENTRIES)("%s has a default that it accepts", (_, { schema, default: value }) => {
    if (value !== null) expect(schema.safeParse(value).success).toBe(true);
  });

  test("flags are named like their options", () => {
    const flags = OPTION_ENTRIES.flatMap(([name, { flag }]) => (flag ? [[name, flag.split(" ", 1)[0]]] : []));
    const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    expect(flags).toEqual(flags.map(([name]) => [name, `--${kebab(name!)}`]));
  });

  test("has the options of the type, and their types", () => {
    type Shared = typeof generationFields;
    type Value<Name extends keyof Shared> = Shared[Name]["schema"]["_zod"]["output"];
    type Given<Name extends keyof Shared> = Exclude<TextOptions[Name], undefined | null>;
    expectTypeOf<keyof Shared>().toExtend<keyof TextOptions>();
    expectTypeOf<keyof typeof GENERATION_OPTIONS>().toEqualTypeOf<keyof TextOptions>();
    expectTypeOf<{ [Name in keyof Shared]: Value<Name> }>().toEqualTypeOf<{ [Name in keyof Shared]: Given<Name> }>();
    // What a file may set and a call may not.
    type FileOnly = Exclude<keyof GenerationConfig, keyof TextOptions>;
    expectTypeOf<FileOnly>().toEqualTypeOf<"maxLength" | "bosTokenId" | "stopStrings" | "cacheImplementation">();
  });
});
