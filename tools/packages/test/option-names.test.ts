/** Errors name options as data, so that the command lines can name their flags: CONTRIBUTING.md has the rule. */

import { expect, test } from "vitest";
import { flaggedOptions, sentencesWith, sourcesOf } from "../src/option-names.js";
import { apps, packages } from "../src/workspace.js";

test.each<[string, string[]]>([
  ['new Option("--top-k <k>", "about")', ["topK"]],
  ['program.option("-k, --top-k <k>", "about")', ["topK"]],
  ['new RenamedFlag("--target <name...>", "targetModules", "about")', ["target", "targetModules"]],
  ['const field = { flag: "--min-p <m>" }', ["minP"]],
  ['const text = "--top-k is for sampling"', []],
])("flags of %s", (text, options) => {
  expect(flaggedOptions(text)).toEqual(options);
});

test.each<[string, string[]]>([
  ['const fix = "Set topK, or leave it";', ["topK"]],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the source holds a template.
  ["const fix = `Raise maxLength to ${topK}`;", ["maxLength"]],
  ['const name = "topK";', []],
  ['const where = "run.json: settings.topK";', []],
  ["const expected = 'a config, such as { topK: 5 }';", []],
  ["/** Set topK here. */ const x = 1;", []],
])("options in %s", (text, options) => {
  const found = sentencesWith(new Set(["topK", "maxLength"]), text);
  expect(found.map(({ option }) => option)).toEqual(options);
});

test("no sentence of a package names an option that a command line has a flag for", () => {
  const sources = [...packages, ...apps].flatMap((one) => [...sourcesOf(one)]);
  const options = new Set(sources.flatMap(([, text]) => flaggedOptions(text)));
  expect([...options]).toEqual(expect.arrayContaining(["topK", "checkFinite", "ignoreKeys", "targetModules"]));
  const found = sources.flatMap(([file, text]) =>
    sentencesWith(options, text).map(({ option, sentence }) => `${file}: ${option} in ${sentence}`),
  );
  expect(found).toEqual([]);
});
