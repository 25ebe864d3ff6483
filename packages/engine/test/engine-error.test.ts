import { expect, test } from "vitest";
import { messageOf } from "../src/engine-error.js";

test.each([
  [new Error("It broke."), "It broke"],
  [{ message: "a bare object" }, "a bare object"],
  ["text", "text"],
  [undefined, "undefined"],
])("the message of %j", (thrown, message) => {
  expect(messageOf(thrown)).toBe(message);
});
