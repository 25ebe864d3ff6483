import { describe, expect, test } from "vitest";
import {
  CHATS,
  differences,
  GOLDEN,
  optionsOf,
  RANDOM,
  TEMPLATES,
  tokenizerWith,
  wrongOf,
} from "./golden-templates.js";

test("real templates of packages render as in transformers (each with a tenth of the chats; all in the long test)", () => {
  expect(TEMPLATES.length).toBeGreaterThan(180);
  expect(CHATS.length).toBeGreaterThan(50);
  const every = (start: number) => CHATS.map((_, index) => index).filter((index) => index % 10 === start);
  expect(TEMPLATES.flatMap((template, index) => differences(template, every(index % 10)))).toEqual([]);
});

test("spans of {% generation %} are those of transformers", () => {
  let spans = 0;
  for (const { name, template } of TEMPLATES) {
    const expected = GOLDEN.generations[name];
    if (expected === undefined) continue;
    const tokenizer = tokenizerWith(template);
    CHATS.forEach((chat, index) => {
      const { addGenerationPrompt, ...options } = optionsOf(chat);
      const marked = expected[index];
      if (index % 4 !== 0 || addGenerationPrompt === true || marked === null || marked === undefined) return;
      const got = tokenizer.renderChat(chat.messages, options).assistantSpans;
      expect(got.map(({ start, end }) => [start, end])).toEqual(marked);
      spans += marked.length;
    });
  }
  expect(spans).toBeGreaterThan(300);
});

describe("what the assistant says, by trl's training templates, which render the same text", () => {
  const NAMES = ["qwen3_instruct_2507", "qwen3_vl", "qwen3_8", "llama3", "lfm2", "cohere", "gemma", "phi3"];
  test.each(NAMES)("%s", (name) => {
    const own = TEMPLATES.find((entry) => entry.name === `trl/${name}`)?.template ?? "";
    const marked = `trl/${name}_training`;
    const tokenizer = tokenizerWith(own);
    let compared = 0;
    CHATS.forEach((chat, index) => {
      const text = GOLDEN.texts[`trl/${name}`]?.[index];
      const spans = GOLDEN.generations[marked]?.[index];
      const { addGenerationPrompt, ...options } = optionsOf(chat);
      if (text === null || text === undefined || addGenerationPrompt === true || text !== GOLDEN.texts[marked]?.[index])
        return;
      const got = tokenizer.renderChat(chat.messages, options).assistantSpans;
      // trl marks the newline behind the turn as well, and Phi's `</s>` apart from it.
      const said = (list: readonly (readonly [number, number])[]) =>
        list
          .map(([a, b]) => text.slice(a, b))
          .join("")
          .replaceAll("\n", "");
      expect(said(got.map(({ start, end }) => [start, end]))).toBe(said(spans ?? []));
      compared += 1;
    });
    expect(compared).toBeGreaterThan(5);
  });
});

test("random templates: methods, filters, tests and statements give what Jinja2 gives (a third; all in the long test)", () => {
  expect(wrongOf(RANDOM.filter((_, index) => index % 3 === 0))).toEqual([]);
});
