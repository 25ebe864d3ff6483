/** Rows of datasets become the ids and labels that transformers and trl make of them. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parsePythonJson, Tokenizer } from "@mixtape/tokenizer";
import { beforeAll, describe, expect, test } from "vitest";
import { DataError, prepareExample } from "../src/index.js";

const folder = fileURLToPath(new URL("__fixtures__/data/", import.meta.url));

interface Case {
  readonly about: string;
  readonly row: Readonly<Record<string, unknown>>;
  readonly inputIds: readonly number[];
  readonly labels: readonly number[];
  readonly promptDiffers?: boolean;
}

/** Made by tools/reference/golden_training_data.py. Read as files of data are: that `1.0` is no `1` is seen in a tool's arguments. */
const golden = parsePythonJson(readFileSync(`${folder}golden.json`, "utf8")) as Record<string, readonly Case[]>;

describe.each(Object.keys(golden))("with the tokenizer and the template of %s", (name) => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await Tokenizer.fromFolder(folder + name);
  });

  test.each(golden[name]!.map((each) => [each.about, each] as const))("%s", (_, { row, ...expected }) => {
    const found = prepareExample(row, tokenizer);
    expect(found.inputIds).toEqual(expected.inputIds);
    expect(found.labels).toEqual(expected.labels);
    expect(found.warnings.includes("promptDiffers")).toBe(expected.promptDiffers ?? false);
  });
});

describe("what a row may not be", () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await Tokenizer.fromFolder(`${folder}chatml`);
  });
  const messages = [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello" },
  ];

  test.each<[string, unknown, string | RegExp]>([
    [
      "keys that are not known: all of them are named, and the way to go on",
      { messages, id: 7, source: "x" },
      'row: expected no keys but "messages", "tools", "documents", "chat_template_kwargs", got "id", "source". If they are not needed for training, pass ignoreKeys: ["id","source"].',
    ],
    [
      "preferences",
      { prompt: "a", chosen: "b", rejected: "c" },
      /got "chosen"\. Preferences \(DPO, reward models\) are not trained here\./,
    ],
    ["preferences without a prompt", { chosen: "b", rejected: "c" }, /Preferences \(DPO/],
    ["images", { messages, images: [] }, /got "images"\. These models only read text\./],
    [
      "another format",
      { instruction: "a", output: "b" },
      /got \{"instruction": a string, "output": a string\}\. Write it as /,
    ],
    [
      "two formats",
      { prompt: "a", prompt_id: "7", messages },
      'row: expected one format, got "messages" and "prompt". To train on the first only, pass ignoreKeys: ["prompt","prompt_id"].',
    ],
    [
      "a system column",
      { messages, system: "x" },
      /got "system"\. Write it as the first message, of the role system\./,
    ],
    ["keys of objects", JSON.parse('{"toString": "x"}'), /got \{"toString": a string\}\.$/],
    ["a prompt alone", { prompt: "a" }, 'row: expected "completion" beside "prompt", got none.'],
    [
      "tools of what is no chat",
      { text: "a", tools: [] },
      /expected no keys but "text", got "tools"\. tools is for chats: lists of messages\./,
    ],
    ["a text that is none", { text: 7 }, "row: text: expected a string, got a number."],
    [
      "a chat and a string",
      { prompt: messages, completion: "x" },
      "row: completion: expected a list of messages, got a string.",
    ],
    ["no messages", { messages: [] }, "row: messages: expected at least one message, got none."],
    [
      "a message that is none",
      { messages: ["Hi"] },
      'row: messages[0]: expected a message, {"role": …, "content": …}, got a string.',
    ],
    [
      "a message without a role",
      { messages: [{ content: "x" }] },
      /messages\[0\]: expected a message, .*, got the keys content\./,
    ],
    [
      "an answer of nothing",
      { messages: [{ role: "assistant" }] },
      "row: messages[0]: expected a content, or tool_calls, got neither.",
    ],
    [
      "an image in a message",
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: "x" }] }] },
      'row: messages[0].content: expected text, got "image_url". These models only read text.',
    ],
    [
      "an answer that is not labelled",
      { messages: [messages[0], { ...messages[1], weight: 0 }] },
      /messages\[1\]\.weight: expected 1: every answer of the assistant is trained on, got 0\./,
    ],
    [
      "tools that are no list",
      { messages, tools: { name: "x" } },
      "row: tools: expected a list, or JSON of one, got an object.",
    ],
    ["tools that are no JSON", { messages, tools: "[{" }, /^row: tools: expected .*, got /],
    ["tools that are names", { messages, tools: ["weather"] }, "row: tools[0]: expected an object, got a string."],
    [
      "arguments of apply_chat_template",
      { messages, chat_template_kwargs: { add_generation_prompt: true } },
      /chat_template_kwargs: expected variables of the chat template, such as enable_thinking, got add_generation_prompt\./,
    ],
    ["ids that are none", { input_ids: [1, 2.5] }, "row: input_ids[1]: expected an integer of at least 0, got 2.5."],
    ["ids below 0", { input_ids: [1, -5] }, "row: input_ids[1]: expected an integer of at least 0, got -5."],
    [
      "ids of another tokenizer",
      { input_ids: [1, 99_999] },
      /input_ids\[1\]: expected a token id below \d+, the size of the tokenizer's vocabulary, got 99999\./,
    ],
    [
      "labels of another length",
      { input_ids: [1, 2], labels: [1] },
      "row: labels: expected 2 numbers, as many as in input_ids, got 1.",
    ],
    ["labels below 0", { input_ids: [1, 2], labels: [-1, 2] }, "row: labels[0]: expected a token id, or -100, got -1."],
    [
      "a list",
      [1],
      'row: expected {"text": …}, {"prompt": …, "completion": …}, {"messages": […]} or {"input_ids": […]}, got a list.',
    ],
  ])("%s", (_, row, message) => {
    const run = () => prepareExample(row, tokenizer);
    expect(run).toThrow(DataError);
    expect(run).toThrow(message);
  });

  test("an error of the chat template names the row", () => {
    const row = { messages, chat_template_kwargs: { chat_template: "{{ raise_exception('no') }}" } };
    const run = () => prepareExample(row, tokenizer, { where: "chats.jsonl: line 3" });
    expect(run).toThrow(DataError);
    expect(run).toThrow(/^chats\.jsonl: line 3: .*no/);
  });

  test("a template that was given, and the way out where its answers cannot be told, by the name of the option here", () => {
    const chatTemplate = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}";
    const { inputIds, labels } = prepareExample({ messages }, tokenizer, { chatTemplate });
    expect(tokenizer.decode(inputIds)).toBe("HiHello");
    expect(labels).toEqual(inputIds);
    const own = { messages, chat_template_kwargs: { chat_template: "{{ 'own' }}{{ messages[1].content }}" } };
    const run = () => prepareExample(own, tokenizer, { chatTemplate });
    expect(run).toThrow(/an iteration for it in a loop over the messages.* and pass it as options\.chatTemplate\.$/);
    const wrong = { chatTemplate: 5 as never };
    expect(() => prepareExample({ messages }, tokenizer, wrong)).toThrow(
      "prepareExample: chatTemplate: expected the text",
    );
  });

  test("keys that are passed over", () => {
    const { inputIds } = prepareExample({ messages, id: 7 }, tokenizer, { ignoreKeys: ["id"] });
    expect(inputIds).toEqual(prepareExample({ messages }, tokenizer).inputIds);
  });

  test("roles of ShareGPT are those that templates know, with a warning", () => {
    const conversations = [
      { from: "human", value: "Hi" },
      { from: "gpt", value: "Hello" },
    ];
    const found = prepareExample({ conversations }, tokenizer);
    expect(found).toEqual({ ...prepareExample({ messages }, tokenizer), warnings: ["shareGptRoles"] });
  });

  test("what the chat template leaves out is told, each kind once, and rendered as transformers renders it", () => {
    const template =
      "{% for m in messages %}{% if m.role != 'developer' and m.content is string %}{{ m.role + ':' + m.content + '\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
    const parts = { role: "user", content: [{ type: "text", text: "Hi" }] };
    const answer = { ...messages[1]!, reasoning_content: "A greeting." };
    const chat = [{ role: "developer", content: "Be brief." }, parts, parts, answer, messages[0]!, answer];
    const row = { messages: chat, tools: [{ name: "f" }], chat_template_kwargs: { chat_template: template } };
    const expected = [
      'unwritten: "content" of developer messages',
      'unwritten: "content" of user messages that is a list of parts: write one string',
      'unwritten: "reasoning_content" of assistant messages before the last question, as is usual for reasoning',
      'unwritten: "reasoning_content" of assistant messages',
      'unwritten: "tools"',
    ];
    const found = prepareExample(row, tokenizer);
    expect(found.warnings).toEqual(expected);
    expect(tokenizer.decode(found.inputIds)).toBe("assistant:Hello\nuser:Hi\nassistant:Hello\n");
    const { messages: all, ...beside } = row;
    const completion = { prompt: all.slice(0, -1), completion: all.slice(-1), ...beside };
    expect(prepareExample(completion, tokenizer).warnings).toEqual(expected);
  });

  test("rows without labels are reported", () => {
    expect(prepareExample({ messages: messages.slice(0, 1) }, tokenizer).warnings).toEqual(["noAssistant"]);
    expect(prepareExample({ input_ids: [5], labels: [5] }, tokenizer).warnings).toEqual(["nothingLearnt"]);
    const spelt = messages.map(({ role, content }) => ({ role: role[0]!.toUpperCase() + role.slice(1), content }));
    expect(prepareExample({ messages: spelt }, tokenizer).warnings).toEqual(['otherRoles: "User", "Assistant"']);
  });
});
