import { Command } from "commander";
import { expect, test } from "vitest";
import { flagSyntax, RenamedFlag } from "../src/flag-syntax.js";
import { chatTemplateOption, checkOption, ignoreOption } from "../src/flags.js";
import { optionsInCode } from "../src/testing.js";

const command = (): Command =>
  new Command("run")
    .option("-k, --top-k <k>", "")
    .option("--logprobs [n]", "")
    .addOption(ignoreOption())
    .addOption(checkOption())
    .addOption(chatTemplateOption())
    .addOption(new RenamedFlag("--ignore-eos", "eosTokenId", ""));

test.each<[name: string, value: unknown, flag: string | undefined]>([
  ["topK", undefined, "--top-k"],
  ["topK", 5, "--top-k 5"],
  ["topK", [5, 6], undefined],
  ["logprobs", undefined, "--logprobs"],
  ["logprobs", 2, "--logprobs 2"],
  ["ignore", ["a"], "--ignore a"],
  ["ignore", ["a key", "it's"], "--ignore 'a key' 'it'\\''s'"],
  ["checkFinite", true, "--check-finite"],
  ["checkFinite", false, undefined],
  ["checkFinite", 3, undefined],
  ["template", undefined, "--chat-template FILE"],
  ["chatTemplate", undefined, "--chat-template FILE"],
  ["eosTokenId", undefined, "--ignore-eos"],
  ["ignoreEos", true, "--ignore-eos"],
  ["topP", undefined, undefined],
])("the option %s with the value %j", (name, value, flag) => {
  expect(flagSyntax(command())(name, value)).toBe(flag);
});

test("before a command runs there are no flags", () => {
  expect(flagSyntax(undefined)("topK")).toBeUndefined();
});

test("tests of commands find options that are named as in code", () => {
  const make = () => new Command("program").addCommand(command());
  const found = (text: string): string[] => optionsInCode(make, text);
  expect(found('Set options.topK, or load with ignore: ["a"]')).toEqual(["topK", "ignore"]);
  expect(found("loading with checkFinite names the tensor; eosTokenId: expected a number")).toEqual([
    "checkFinite",
    "eosTokenId",
  ]);
  expect(found("the template: ignore it, or give --top-k; run.json: settings.topK, topP, options.topP")).toEqual([]);
});
