import { expect, test } from "vitest";
import { CHATS, differences, RANDOM, TEMPLATES, wronglyContinued, wrongOf } from "../golden-templates.js";

test.each(TEMPLATES.map((template) => [template.name, template] as const))(
  "%s renders all chats as transformers does",
  (_, template) => {
    expect(differences(template, [...CHATS.keys()])).toEqual([]);
  },
);

test("all random templates give what Jinja2 gives", () => {
  expect(RANDOM.length).toBe(6300);
  expect(wrongOf(RANDOM)).toEqual([]);
});

test("all real templates leave the last message open as transformers does", () => {
  expect(wronglyContinued(() => true)).toEqual([]);
});
