/** The parts of a chat that its template writes nothing of. */

import { describe, expect, test } from "vitest";
import { type ChatMessage, type RenderChatOptions, TokenizerError } from "../src/index.js";
import { CHATS, optionsOf, TEMPLATES, tokenizerWith } from "./golden-templates.js";

const unwritten = (template: string, messages: readonly ChatMessage[], options: RenderChatOptions = {}): string[] => {
  const real = TEMPLATES.find(({ name }) => name === template)?.template;
  const { unwrittenParts } = tokenizerWith(real ?? template).renderChat(messages, options);
  return unwrittenParts.map(({ message, key }) => (message === null ? key : `${message}.${key}`));
};
const call = { id: "abcdefghi", type: "function", function: { name: "weather", arguments: { city: "Bern" } } };
const tools = [
  { type: "function", function: { name: "weather", description: "Rain", parameters: { type: "object" } } },
];
const CHATML = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}";

describe("is nothing where", () => {
  test.each<[string, string, readonly ChatMessage[], RenderChatOptions?]>([
    [
      "white space is trimmed",
      "{% for m in messages %}{{ m.content | trim }}{% endfor %}",
      [{ role: "user", content: " a\n" }],
    ],
    [
      "the content is changed",
      "{% for m in messages %}{{ m.content | upper | replace(' ', '_') }}{% endfor %}",
      [{ role: "user", content: "name a fruit" }],
    ],
    [
      "the system message is written elsewhere",
      "{{ messages[0].content }}{% for m in messages[1:] %}{{ m.content }}{% endfor %}",
      [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ],
    ],
    [
      "calls are written as JSON",
      "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}",
      [{ role: "assistant", content: "", tool_calls: [call] }],
    ],
    [
      "a list of parts is written part by part",
      "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}",
      [{ role: "user", content: [{ type: "text", text: "Hi" }] }],
    ],
    ["there is nothing to write", CHATML, [{ role: "user", content: "", tool_calls: [], name: "x", extra: null }]],
    [
      "tools are written, if by another template",
      "{% if tools %}{{ tools | tojson }}{% endif %}{{ messages[0].content }}",
      [{ role: "user", content: "Hi" }],
      { tools },
    ],
  ])("%s", (_, template, messages, options) => expect(unwritten(template, messages, options)).toEqual([]));
});

describe("is told of", () => {
  const question = { role: "user", content: "hi" };
  const answer = { role: "assistant", content: "yo" };

  test("roles that the template does not know, even with a text that stands elsewhere", () => {
    const template =
      "{% for m in messages %}{% if m.role != 'developer' %}{{ m.role + ':' + m.content }}{% endif %}{% endfor %}";
    expect(unwritten(template, [{ role: "developer", content: "hi" }, question, answer])).toEqual(["0.content"]);
  });

  test("lists of parts where the template takes strings", () => {
    const parts = [{ type: "text", text: "hi" }];
    const template =
      "{% for m in messages %}{{ m.role }}{% if m.content is string %}{{ m.content }}{% endif %}{% endfor %}";
    expect(
      unwritten(template, [
        { role: "user", content: parts },
        { ...question, content: parts },
      ]),
    ).toEqual(["0.content", "1.content"]);
  });

  test("calls, reasoning and tools that it knows nothing of", () => {
    const said = { ...answer, content: "I ask weather.", reasoning_content: "Rain?", tool_calls: [call] };
    expect(unwritten(CHATML, [question, said], { tools, documents: [{ title: "Atlas", text: "x" }] })).toEqual([
      "1.reasoning_content",
      "1.tool_calls",
      "tools",
      "documents",
    ]);
  });

  test("reasoning of earlier turns alone, where the template leaves it out there", () => {
    const chat = [
      question,
      { ...answer, reasoning_content: "First thought." },
      question,
      { ...answer, reasoning_content: "Second." },
    ];
    expect(unwritten("trl/qwen3", chat)).toEqual(["1.reasoning_content"]);
  });

  test("Mixtral's system message where the chat does not end with a question", () => {
    const chat = [{ role: "system", content: "Be brief." }, question, answer];
    expect(unwritten("axolotl/mistral_v2v3", chat)).toEqual(["0.content"]);
    expect(unwritten("axolotl/mistral_v2v3", chat.slice(0, 2))).toEqual([]);
  });
});

/** One template in four, and all in `npm run test:long`. */
const EACH = process.env.MIXTAPE_TEST_LONG ? 1 : 4;

test("of real templates: a text that is reported stands nowhere but in other messages", () => {
  const wrong: string[] = [];
  let reported = 0;
  for (const { name, template } of TEMPLATES.filter((_, i) => i % EACH === 0))
    for (const [i, chat] of CHATS.entries()) {
      if (i % 10 !== 3) continue;
      const { addGenerationPrompt: _, ...options } = optionsOf(chat);
      const rendered = renderedOrNull(template, chat.messages, options);
      for (const { message, key } of rendered?.unwrittenParts ?? []) {
        reported++;
        if (message === null) continue;
        const value = chat.messages[message]![key];
        if (typeof value !== "string" || value.length < 8) continue;
        const others = JSON.stringify(chat.messages.filter((_, at) => at !== message));
        if (!others.includes(JSON.stringify(value).slice(1, -1)) && rendered!.text.includes(value.trim()))
          wrong.push(`${name}: chat ${i}: ${message}.${key}`);
      }
    }
  expect(wrong).toEqual([]);
  expect(reported).toBeGreaterThan(20 / EACH);
});

function renderedOrNull(template: string, messages: readonly ChatMessage[], options: RenderChatOptions) {
  try {
    return tokenizerWith(template).renderChat(messages, options);
  } catch (error) {
    if (error instanceof TokenizerError) return null;
    throw error;
  }
}
