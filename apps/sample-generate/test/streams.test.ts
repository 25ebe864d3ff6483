import { expect, test } from "vitest";
import { forTerminal } from "../src/streams.js";

test("what a model writes cannot steer the terminal", () => {
  expect(forTerminal("a\tb\nc\r\nd")).toBe("a\tb\nc\nd");
  expect(forTerminal("\x1b[2J\x1b]0;title\x07\r\x08\x7f\x9b31m")).toBe(
    "\ufffd[2J\ufffd]0;title\ufffd\ufffd\ufffd\ufffd\ufffd31m",
  );
  expect(forTerminal("“Zoë”, 🦉 – 日本語")).toBe("“Zoë”, 🦉 – 日本語");
});
