import { describe, expect, test } from "vitest";
import { Tokenizer, TokenizerError } from "../src/index.js";
import { goldenOf, textOf, tokenizerOf } from "./fixtures.js";

describe.each(["qwen", "mixtral", "sample-afmoe"] as const)("%s agrees with transformers", (name) => {
  test.each(goldenOf(name).chats)("$options", async ({ messages, options, text }) => {
    const { add_generation_prompt: addGenerationPrompt, tools, ...variables } = options;
    const tokenizer = await tokenizerOf(name);
    expect(
      tokenizer.applyChatTemplate(messages, {
        ...(typeof addGenerationPrompt === "boolean" ? { addGenerationPrompt } : {}),
        ...(Array.isArray(tools) ? { tools } : {}),
        variables,
      }),
    ).toBe(text);
  });
});

const HELLO = [{ role: "user", content: "Hello" }];

/** Mixtral's tokenizer with another template in its config. */
function withTemplate(chatTemplate: unknown): Tokenizer {
  return Tokenizer.fromJSON(JSON.parse(textOf("mixtral", "tokenizer.json")), { chat_template: chatTemplate });
}

test("a list of templates: the default, one by name, the one for tools", () => {
  const tokenizer = withTemplate([
    { name: "default", template: "plain {{ messages[0].content }}" },
    { name: "tool_use", template: "tools {{ tools | length }}" },
    { name: "rag", template: "rag {{ documents[0].text }}" },
  ]);
  expect(tokenizer.applyChatTemplate(HELLO)).toBe("plain Hello");
  expect(tokenizer.applyChatTemplate(HELLO, { tools: [{}, {}] })).toBe("tools 2");
  expect(tokenizer.applyChatTemplate(HELLO, { template: "rag", documents: [{ text: "page" }] })).toBe("rag page");
});

test("a template given as a text, and variables that go before the special tokens", async () => {
  const mixtral = await tokenizerOf("mixtral");
  const template = "{{ bos_token }}{{ eos_token }}";
  expect(mixtral.applyChatTemplate(HELLO, { template })).toBe("<s></s>");
  expect(mixtral.applyChatTemplate(HELLO, { template, variables: { bos_token: "B" } })).toBe("B</s>");
});

test("chat_template.jinja goes before the config", async () => {
  const tokenizer = await Tokenizer.fromFiles({
    "tokenizer.json": textOf("mixtral", "tokenizer.json"),
    "tokenizer_config.json": '{"chat_template": "config"}',
    "chat_template.jinja": new Blob(["file"]),
  });
  expect(tokenizer.applyChatTemplate(HELLO)).toBe("file");
});

describe("bad input", () => {
  function message(run: () => unknown): string {
    try {
      run();
    } catch (error) {
      expect(error).toBeInstanceOf(TokenizerError);
      return (error as Error).message;
    }
    throw new Error("nothing was thrown");
  }

  test("no template", async () => {
    const llama3 = await tokenizerOf("llama3");
    expect(message(() => llama3.applyChatTemplate(HELLO))).toMatch(
      /llama3: expected a chat template, got none\. Pass one/,
    );
    const named = withTemplate([{ name: "rag", template: "" }]);
    expect(message(() => named.applyChatTemplate(HELLO))).toMatch(/got only templates with names: rag\./);
  });

  test("messages that the template refuses", async () => {
    const mixtral = await tokenizerOf("mixtral");
    expect(message(() => mixtral.applyChatTemplate([{ role: "assistant", content: "Hi" }]))).toMatch(
      /expected messages that the template accepts, got the template's error "Conversation roles must alternate/,
    );
    expect(message(() => mixtral.applyChatTemplate([]))).toBe("messages: expected at least one message, got none.");
  });

  test("a template that is not Jinja", () => {
    expect(message(() => withTemplate("{% if %}").applyChatTemplate(HELLO))).toMatch(/expected a Jinja template, got /);
  });

  test("an entry that is no template", () => {
    expect(message(() => withTemplate([{ name: "default" }]))).toBe(
      'tokenizer: chat_template: expected a text, a list of { name, template }, or an object of names to texts, got {"name":"default"}.',
    );
    expect(message(() => withTemplate(7))).toMatch(/got 7\.$/);
  });
});
