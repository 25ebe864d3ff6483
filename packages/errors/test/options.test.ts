import { describe, expect, expectTypeOf, test } from "vitest";
import { checkOptions, checkOptionTypes, MixtapeError, OptionError, type OptionNames } from "../src/index.js";

interface Options {
  readonly maxNewTokens?: number;
  readonly doSample?: boolean;
  readonly topK?: number;
}
const NAMES: OptionNames<Options> = { maxNewTokens: true, doSample: true, topK: true };
const check = (options: unknown) => () => checkOptions("generateText", options as Options, NAMES);

test("known options pass, whatever their values", () => {
  expect(check({})).not.toThrow();
  expect(check({ maxNewTokens: undefined, topK: "three" })).not.toThrow();
});

describe("an unknown option is named", () => {
  const known = "options among maxNewTokens, doSample, topK";
  test.each([
    ["maxTokens", "maxNewTokens"],
    ["max_new_tokens", "maxNewTokens"],
    ["MaxNewTokens", "maxNewTokens"],
    ["dosample", "doSample"],
    ["sample", "doSample"],
    ["top_k", "topK"],
    ["topP", "topK"],
    ["max", "maxNewTokens"],
    ["useTopKSampling", "topK"],
    ["tok", "topK"],
  ])("%s looks like %s", (name, near) => {
    expect(check({ topK: 1, [name]: 1 })).toThrow(
      `generateText: expected ${known}, got ${name}. Did you mean ${near}?`,
    );
  });

  test.each(["", "constructor", "hasOwnProperty", "toString"])("%j looks like none", (name) => {
    expect(check({ [name]: 1 })).toThrow(`generateText: expected ${known}, got ${name}. Leave it out.`);
  });
});

test.each([
  [null, "null"],
  [20, "20"],
  ["20", '"20"'],
])("%j is no object", (options, got) => {
  expect(check(options)).toThrow(
    `generateText: expected an object of options: maxNewTokens, doSample, topK, got ${got}.`,
  );
});

test("it is a typed error, and an own one", () => {
  expect(check({ other: 1 })).toThrow(OptionError);
  expect(check({ other: 1 })).toThrow(MixtapeError);
});

test("names that differ from those of the type do not compile", () => {
  expectTypeOf<{ maxNewTokens: true; doSample: true }>().not.toExtend<OptionNames<Options>>();
  expectTypeOf<OptionNames<Options>>().toEqualTypeOf<{
    readonly maxNewTokens: true;
    readonly doSample: true;
    readonly topK: true;
  }>();
  // @ts-expect-error: topP is no option
  const more: OptionNames<Options> = { ...NAMES, topP: true };
  expect(more).toHaveProperty("topP");
});

test.each<[object, string]>([
  [{ run: 5 }, "load: run: expected a function, got 5."],
  [{ fast: "no" }, 'load: fast: expected true or false, got "no".'],
  [{ signal: {} }, "load: signal: expected an AbortSignal, got an object."],
  [{ keys: "a" }, 'load: keys: expected a list of strings, got "a".'],
  [{ keys: [1] }, "load: keys: expected a list of strings, got an object."],
  [{ rest: null }, "load: rest: expected an object, got null."],
])("%j is of another type than the option", (options, message) => {
  const types = { run: "function", fast: "boolean", signal: "signal", keys: "strings", rest: "object" } as const;
  expect(() => checkOptionTypes("load", options, types)).toThrow(OptionError);
  expect(() => checkOptionTypes("load", options, types)).toThrow(message);
  const right = { run: () => 1, fast: false, signal: AbortSignal.abort(), keys: ["a"], rest: {} };
  expect(() => checkOptionTypes("load", right, types)).not.toThrow();
  expect(() => checkOptionTypes("load", { run: undefined }, types)).not.toThrow();
});
