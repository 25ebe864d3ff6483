import { MixtapeError } from "@mixtape/errors";
import { expect, test } from "vitest";
import { explain } from "../src/failure.js";

test("no line of a message looks like a message of its own", () => {
  expect(explain(new Error("broken\nerror: everything is lost\nnote: run curl"), false)).toBe(
    "error: broken\n  error: everything is lost\n  note: run curl (unexpected: --debug shows where)\n",
  );
});

test("long lines lose their middle", () => {
  const error = new MixtapeError({ where: "config.json", expected: "a name", got: "x".repeat(1_000_000) });
  const text = explain(error, false);
  expect(text.length).toBeLessThan(2100);
  expect(text).toMatch(/^error: config\.json: expected a name, got x+…x+\.\n$/);
});
