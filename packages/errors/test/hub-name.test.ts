import { expect, test } from "vitest";
import { hubHint } from "../src/index.js";

test("a name on the Hub gets the way to its files", () => {
  expect(hubHint("arcee-ai/Trinity-Mini")).toBe(
    'Nothing is downloaded here: if arcee-ai/Trinity-Mini is on huggingface.co, "hf download arcee-ai/Trinity-Mini --local-dir arcee-ai/Trinity-Mini" gets its files',
  );
  expect(hubHint("mistralai/Mixtral-8x7B-v0.1")).toContain("mistralai/Mixtral-8x7B-v0.1 is on");
});

test.each([
  "./a/b",
  "../a",
  "/a/b",
  "a",
  "a/b/c",
  "a/",
  "C:\\a",
  "https://a/b",
  "a b/c",
  "",
  null,
  new Map(),
  new URL("file:///a"),
])("%s is no such name", (source) => expect(hubHint(source)).toBeUndefined());
