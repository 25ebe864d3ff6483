/** Chats from files and from standard input, as `--chat` takes them. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Interrupt, InterruptedError, readStandardInput } from "@mixtape/command-line";
import { Tokenizer } from "@mixtape/tokenizer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkPrompt, promptOf } from "../src/prompt.js";
import { SAMPLE } from "./command.js";

const folder = mkdtempSync(join(tmpdir(), "mixtape-prompt-"));
afterAll(() => rmSync(folder, { recursive: true }));
let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.fromFolder(SAMPLE);
});

const write = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const ask = async (chat: string, chatTemplate?: string): Promise<{ text: string; notes: readonly string[] }> => {
  using interrupt = new Interrupt();
  const { ids, notes } = await promptOf({ chat, ...(chatTemplate && { chatTemplate }) }, tokenizer, interrupt);
  return { text: tokenizer.decode(ids), notes };
};

const messages = [{ role: "user", content: "Rain in Bern?" }];
const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];
const TEMPLATE =
  "{% for t in tools or [] %}[{{ t | tojson }}]{% endfor %}{% for d in documents or [] %}({{ d.title }}){% endfor %}{{ mood }}{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";

describe("a chat", () => {
  test("alone, and as a row of a training file with tools, documents and variables", async () => {
    const template = write("t.jinja", TEMPLATE);
    const list = await ask(write("list.json", JSON.stringify(messages)), template);
    expect(list).toEqual({ text: "user:Rain in Bern?;assistant:", notes: [] });
    const row = { messages, tools, documents: [{ title: "Atlas", text: "" }], chat_template_kwargs: { mood: "!" } };
    const expected = `[${'{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}'}](Atlas)!user:Rain in Bern?;assistant:`;
    expect((await ask(write("row.json", JSON.stringify(row)), template)).text).toBe(expected);
    // As datasets store it: tools as a string, and what a row does not have as null.
    const stored = { ...row, tools: JSON.stringify(tools), source: null };
    expect((await ask(write("stored.json", JSON.stringify(stored)), template)).text).toBe(expected);
    // A line of a training file is such a row.
    expect((await ask(write("row.jsonl", `${JSON.stringify(row)}\n`), template)).text).toBe(expected);
  });

  test("by the row's own template, before that of the flag and the tokenizer's", async () => {
    const row = { messages, chat_template_kwargs: { chat_template: "{{ 'own' }}" } };
    expect((await ask(write("own.json", JSON.stringify(row)), write("o.jinja", TEMPLATE))).text).toBe("own");
    expect((await ask(write("plain.json", JSON.stringify(messages)))).text).toBe(
      tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true }),
    );
  });

  test("with floats as Python prints them, and with a byte order mark as Windows writes it", async () => {
    const template = write("f.jinja", "\uFEFF{{ messages[0].content.a }}");
    const chat = write("bom.json", '\uFEFF[{"role": "user", "content": {"a": 1.0}}]');
    expect((await ask(chat, template)).text).toBe("1.0");
  });

  test("of which the template leaves something out, or with roles that it may not know, is noted", async () => {
    const chat = [
      { role: "User", content: "Rain?", tool_calls: [{ function: { name: "weather" } }] },
      { role: "user", content: "Or sun?" },
    ];
    expect((await ask(write("odd.json", JSON.stringify({ messages: chat, tools })))).notes).toEqual([
      'the chat template writes nothing of "tool_calls" of User messages',
      'the chat template writes nothing of "tools"',
      'roles of the chat that templates do not know as a rule: "User"',
    ]);
  });

  test("that the assistant ends is noted", async () => {
    const chat = [...messages, { role: "assistant", content: "No." }];
    expect((await ask(write("ends.json", JSON.stringify(chat)))).notes).toEqual([
      expect.stringMatching(/^the chat ends with the assistant's answer/),
    ]);
  });

  test.each<[string, string | Uint8Array, string | RegExp]>([
    ["not.json", "hello", /not\.json: expected a chat, .*, got no JSON \(.*\)\.$/],
    [
      "keys.json",
      '{"messages": [{"role": "user", "content": "x"}], "tool": []}',
      '"chat_template_kwargs", got "tool". Leave it out.',
    ],
    ["none.json", "{}", "got an object with the keys of none"],
    ["both.json", '{"messages": [], "conversations": []}', 'got an object with the keys "messages", "conversations"'],
    ["empty.json", "[]", /empty\.json: messages: expected at least one message, got none\.$/],
    ["text.json", '"x"', /text\.json: expected .*, got a string\.$/],
    ["utf16.json", Buffer.from("\uFEFF[]", "utf16le"), "got bytes that are not UTF-8. Save the file in UTF-8."],
    [
      "tools.json",
      '{"messages": [{"role": "user", "content": "x"}], "tools": [1]}',
      /tools\[0\]: expected an object, got a number/,
    ],
  ])("%s is refused", async (name, content, message) => {
    writeFileSync(join(folder, name), content);
    await expect(ask(join(folder, name))).rejects.toThrow(message);
  });

  test("template files that are none are refused", async () => {
    const chat = write("any.json", JSON.stringify(messages));
    await expect(ask(chat, write("plain.jinja", "hello"))).rejects.toThrow("got a text without {{ or {%");
    await expect(ask(chat, write("blank.jinja", " "))).rejects.toThrow("got an empty file");
    await expect(ask(chat, join(folder, "none.jinja"))).rejects.toThrow(
      "none.jinja: expected a chat template in Jinja",
    );
    await expect(ask(chat, write("broken.jinja", "{% for %}"))).rejects.toThrow(
      "the chat template that was given: expected a Jinja template",
    );
    expect(() => checkPrompt({ prompt: "x", chatTemplate: "t.jinja" })).toThrow("--chat-template is for --chat");
  });
});

describe("standard input", () => {
  const expected = { expected: "a chat" };

  test("is read to its end, in UTF-8, without a byte order mark", async () => {
    using interrupt = new Interrupt();
    const bytes = Buffer.from("\uFEFF[ü]");
    const parts = Readable.from([bytes.subarray(0, 5), bytes.subarray(5)], { objectMode: false });
    expect(await readStandardInput(expected, interrupt, parts)).toBe("[ü]");
    const wrong = Readable.from([new Uint8Array([0xff])], { objectMode: false });
    await expect(readStandardInput(expected, interrupt, wrong)).rejects.toThrow("standard input: expected a chat");
  });

  test("is given up at Ctrl-C", async () => {
    using interrupt = new Interrupt();
    const open = new Readable({ read: () => {} });
    const reading = readStandardInput(expected, interrupt, open);
    process.emit("SIGINT");
    await expect(reading).rejects.toThrow(InterruptedError);
  });
});
