import { expect, test } from "vitest";
import { type Fix, formatFix, MixtapeError, type OptionSyntax, renameOptions } from "../src/index.js";

/** A command line that has a flag for each option of one word. */
const inFlags: OptionSyntax = (name, value) => {
  if (/[A-Z]/.test(name)) return undefined;
  return value === undefined ? `--${name}` : `--${name} ${[value].flat().join(" ")}`;
};

const topK = { option: "topK", text: (option: string) => `set ${option}` };
const ignore = { option: "ignore", value: ["a", "b"], text: (option: string) => `load with ${option}` };

test.each<[Fix | undefined, string | undefined, string | undefined]>([
  ["Download it again", "Download it again", "Download it again"],
  [topK, "set options.topK", undefined],
  [ignore, 'load with ignore: ["a","b"]', "load with --ignore a b"],
  [{ option: "seed" }, "options.seed", "--seed"],
  [{ option: "seed", value: 7 }, "seed: 7", "--seed 7"],
  [[topK, ignore], 'Set options.topK, or load with ignore: ["a","b"]', "Load with --ignore a b"],
  [["give up", topK], "Give up, or set options.topK", "Give up"],
  [[topK], "Set options.topK", undefined],
  [[], undefined, undefined],
  [undefined, undefined, undefined],
])("advice in code and on a command line: %j", (fix, inCode, onCommandLine) => {
  expect(formatFix(fix)).toBe(inCode);
  expect(formatFix(fix, inFlags)).toBe(onCommandLine);
});

test("a function that passes an option on under another name renames it in advice", () => {
  expect(formatFix(renameOptions(topK, { topK: "k" }))).toBe("set options.k");
  expect(formatFix(renameOptions([topK, ignore, "give up"], { topK: "k" }), inFlags)).toBe(
    "Set --k, or load with --ignore a b, or give up",
  );
  expect(renameOptions("give up", { topK: "k" })).toBe("give up");
});

class OptionsError extends MixtapeError {
  static override readonly brand: string = "OptionsError";
}

test("an error names options as in code, and in the syntax of its reader", () => {
  const error = new OptionsError({ where: { option: "seed" }, expected: "a number", got: "x", fix: [topK, ignore] });
  const problem = "expected a number, got x.";
  expect(error.message).toBe(`seed: ${problem} Set options.topK, or load with ignore: ["a","b"].`);
  expect(error).toMatchObject({ where: "seed", fix: 'Set options.topK, or load with ignore: ["a","b"]' });
  expect(error.messageFor(inFlags)).toBe(`--seed: ${problem} Load with --ignore a b.`);
  expect(error.messageFor(() => undefined)).toBe(`seed: ${problem}`);
  expect(Object.keys(error)).not.toContain("details");
});

test("an error without options has one message for all", () => {
  const error = new OptionsError({ where: "a.json", expected: "JSON", got: "\u001b[2J", fix: "Mend it" });
  expect(error.messageFor(inFlags)).toBe(error.message);
});

test("an option that is at fault may have text around it", () => {
  const where = { option: "topK", text: (option: string) => `the option ${option}` };
  const error = new OptionsError({ where, expected: "a number", got: "x" });
  expect(error.message).toBe("the option topK: expected a number, got x.");
  expect(error.messageFor(() => "--top-k")).toBe("the option --top-k: expected a number, got x.");
});

test("an error that wraps another one has its parts as they were given", () => {
  const cause = new OptionsError({ where: "a", expected: "b", got: "c", fix: topK });
  const error = new MixtapeError({ ...cause.details, where: `row 1: ${cause.where}`, cause });
  expect(error.messageFor(() => "--top-k")).toBe("row 1: a: expected b, got c. set --top-k.");
});
