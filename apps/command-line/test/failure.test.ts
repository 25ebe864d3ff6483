import { MixtapeError } from "@mixtape/errors";
import { expect, test } from "vitest";
import { explain } from "../src/failure.js";

test("no line of a message looks like a message of its own", () => {
  expect(explain(new Error("broken\nerror: everything is lost\nnote: run curl"))).toBe(
    "error: broken\n  error: everything is lost\n  note: run curl (unexpected: --debug shows where)\n",
  );
});

test("long lines lose their middle", () => {
  const error = new MixtapeError({ where: "config.json", expected: "a name", got: "x".repeat(1_000_000) });
  const text = explain(error);
  expect(text.length).toBeLessThan(2100);
  expect(text).toMatch(/^error: config\.json: expected a name, got x+…x+\.\n$/);
});

const cause = new MixtapeError({
  where: { option: "topP" },
  expected: "a number",
  got: "hot",
  fix: { option: "seed", value: 7, text: (option) => `Set ${option}` },
});
const error = new MixtapeError({
  where: "row 1",
  expected: "a",
  got: "b",
  fix: [
    { option: "topK", text: (option) => `set ${option}` },
    { option: "ignore", value: ["top_k"], text: (option) => `load the model with ${option}` },
  ],
  cause,
});
const syntax = (name: string): string | undefined => (name === "seed" ? undefined : `--${name.toLowerCase()}`);

test("options are named in the syntax of the reader; advice that needs others is left out", () => {
  expect(explain(error, { syntax })).toBe(
    "error: row 1: expected a, got b. Set --topk, or load the model with --ignore.\n",
  );
  expect(explain(error)).toBe("error: row 1: expected a, got b.\n");
});

test("details have the stack, and the causes in the same syntax", () => {
  const text = explain(error, { details: true, syntax });
  const [first, ...others] = text.split("\n");
  expect(first).toBe("error: MixtapeError: row 1: expected a, got b. Set --topk, or load the model with --ignore.");
  expect(others[0]).toMatch(/^ {4}at /);
  expect(others).toContain("caused by: MixtapeError: --topp: expected a number, got hot.");
});

test("details of what is no error of Mixtape's", () => {
  expect(explain("torn", { details: true })).toBe("error: torn\n");
  expect(explain(new Error("a", { cause: "b" }), { details: true })).toMatch(
    /^error: Error: a\n {4}at [\s\S]*\ncaused by: b\n$/,
  );
});
