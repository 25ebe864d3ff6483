import { describe, expect, test } from "vitest";
import { Tokenizer, TokenizerError } from "../src/index.js";
import { textOf } from "./fixtures.js";
import { TEMPLATES } from "./golden-templates.js";

const CHAT = [
  { role: "user", content: "Name a fruit." },
  { role: "assistant", content: "Apple." },
  { role: "user", content: "Another?" },
  { role: "assistant", content: "Pear." },
];

function said(template: string, messages: Parameters<Tokenizer["renderChat"]>[0] = CHAT): string[] {
  const tokenizer = Tokenizer.fromJSON(JSON.parse(textOf("qwen", "tokenizer.json")), {
    eos_token: "<|im_end|>",
    chat_template: template,
  });
  const { text, assistantSpans } = tokenizer.renderChat(messages);
  expect(text).toBe(tokenizer.applyChatTemplate(messages));
  return assistantSpans.map(({ start, end }) => text.slice(start, end));
}

const TURN = "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}";
const PROMPT = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

describe("what the assistant says", () => {
  test("without {% generation %}: from behind the header to the end of the turn", () => {
    expect(said(`{% for m in messages %}${TURN}{% endfor %}${PROMPT}`)).toEqual([
      "Apple.<|im_end|>",
      "Pear.<|im_end|>",
    ]);
  });

  test("answers that are rendered in other ways before the last question", () => {
    const template = `{%- set ns = namespace(last=0) %}{%- for m in messages %}{%- if m.role == 'user' %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}
{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' }}{%- if m.role == 'assistant' and loop.index0 > ns.last %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{{- m.content + '<|im_end|>\\n' }}{%- endfor %}${PROMPT}`;
    expect(said(template)).toEqual(["Apple.<|im_end|>", "<think>\n\n</think>\n\nPear.<|im_end|>"]);
  });

  test("with {% generation %}: what transformers masks, in UTF-16 code units", () => {
    const marked =
      "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}{{ m.content }}\n{% endgeneration %}{% else %}{{ m.content }}\n{% endif %}{% endfor %}";
    expect(said(marked, [{ role: "user", content: "😀" }, ...CHAT.slice(1, 2)])).toEqual(["Apple.\n"]);
  });

  test("a loop over indices", () => {
    const template = `{% for i in range(messages | length) %}{% set m = messages[i] %}${TURN}{% endfor %}${PROMPT}`;
    expect(said(template)).toEqual(["Apple.<|im_end|>", "Pear.<|im_end|>"]);
  });

  test("all of a turn, where the template writes no generation prompt", () => {
    expect(said("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")).toEqual([
      "assistant: Apple.",
      "assistant: Pear.",
    ]);
    const calls = [
      { id: "abcdefghi", type: "function", function: { name: "weather", arguments: { city: "Bern" } } },
      { id: "ABCDEFGHI", type: "function", function: { name: "time", arguments: {} } },
    ];
    const chat = [
      ...CHAT.slice(0, 3),
      { role: "assistant", content: "", tool_calls: calls },
      { role: "tool", tool_call_id: "abcdefghi", content: "sunny" },
      { role: "assistant", content: "Sunny." },
    ];
    const mistral = TEMPLATES.find(({ name }) => name === "axolotl/mistral_v2v3")!.template;
    const [first, call, last] = said(mistral, chat);
    expect([first, last]).toEqual([" Apple.<|im_end|>", " Sunny.<|im_end|>"]);
    expect(call).toMatch(/^\[TOOL_CALLS\] \[\{"name": "weather", .*"id": "ABCDEFGHI"\}\]<\|im_end\|>$/);
  });

  test("the generation prompt is found where some chats show none", () => {
    // Behind a user's message alone, and in its turn of the loop.
    const inTurn = `{% for m in messages %}${TURN}{% if loop.last and m.role == 'user' and add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}{% endfor %}`;
    expect(said(inTurn)).toEqual(["Apple.<|im_end|>", "Pear.<|im_end|>"]);
    const behindUsers = `{% for m in messages %}${TURN}{% endfor %}{% if add_generation_prompt and messages[-1].role == 'user' %}{{ '<|im_start|>assistant\n' }}{% endif %}`;
    expect(said(behindUsers, CHAT.slice(1))).toEqual(["Apple.<|im_end|>", "Pear.<|im_end|>"]);
    // What begins every text, a default system message, stands in the turn of an assistant who begins the chat.
    const withSystem = `{% for m in messages %}{% if loop.first %}{{ '<|im_start|>system\nBe nice.<|im_end|>\n' }}{% endif %}${TURN}{% endfor %}${PROMPT}`;
    expect(said(withSystem, CHAT.slice(1))).toEqual(["Apple.<|im_end|>", "Pear.<|im_end|>"]);
  });

  test("where it is not clear, an error that names the message", () => {
    const collected = `{% set ns = namespace(text='') %}{% for m in messages %}{% set ns.text = ns.text ~ m.content %}{% endfor %}{{ ns.text }}`;
    expect(() => said(collected)).toThrow(TokenizerError);
    expect(() => said(collected)).toThrow(/messages\[1\]: expected an iteration for it in a loop over the messages/);
    const other = "{% if add_generation_prompt %}{{ '<|im_start|>model' }}{% endif %}";
    expect(() => said(`{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}${other}`)).toThrow(
      /messages\[1\]: expected a header that is the template's generation prompt, got "assistant: "/,
    );
    // A template that refuses a prompt behind all of them may write one behind others.
    const refusing = `{% for m in messages %}${TURN}{% endfor %}{% if add_generation_prompt %}{{ raise_exception('no') }}{% endif %}`;
    expect(() => said(refusing)).toThrow(/no chat after which it writes a generation prompt/);
  });
});
