/** A chat template of the user's own, and what of it is saved. */

import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadTokenizer } from "@mixtape/mixtape";
import { describe, expect, test } from "vitest";
import { fails, SAMPLE, sampleTrain, temporaryFolder, trained, write } from "./command.js";
import { writeTinyModel } from "./tiny-model.js";

const folder = temporaryFolder();
const chat = {
  messages: [
    { role: "user", content: "Name a fruit." },
    { role: "assistant", content: "Apple." },
  ],
};
const data = write(folder, "chats.jsonl", [chat]);
const template = write(
  folder,
  "marked.jinja",
  "{% for m in messages %}{% if m.role == 'assistant' %}A:{% generation %}{{ m.content }}{% endgeneration %}{% else %}U:{{ m.content }}{% endif %}{% endfor %}",
);
const shown = async (...flags: string[]): Promise<string> => {
  const { code, stdout, stderr } = await sampleTrain(["--model", SAMPLE, "--data", data, "--show-data", "1", ...flags]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.split("\n").at(-3)!;
};

describe("--chat-template", () => {
  test("is used in place of the tokenizer's; a row's own takes precedence", async () => {
    expect(await shown("--chat-template", template)).toBe("U:Name a fruit.A:⟦Apple.⟧");
    const own =
      "{% for m in messages %}{{ m.role + ':' + m.content }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
    const rows = write(folder, "own.jsonl", [{ ...chat, chat_template_kwargs: { chat_template: own } }]);
    expect(await shown("--chat-template", template, "--data", rows)).toBe("user:Name a fruit.assistant:⟦Apple.⟧");
  });

  test("is what errors of templates advise, in flags", async () => {
    const bare = join(folder, "bare");
    mkdirSync(bare);
    cpSync(join(SAMPLE, "tokenizer.json"), join(bare, "tokenizer.json"));
    cpSync(join(SAMPLE, "config.json"), join(bare, "config.json"));
    writeFileSync(join(bare, "tokenizer_config.json"), "{}");
    const show = (...flags: string[]) => ["--model", bare, "--data", data, "--show-data", "1", ...flags];
    await fails(1, /expected a chat template, got none\. Pass one as --chat-template FILE, or /, ...show());
    const unclear = write(folder, "unclear.jinja", "{{ messages | map(attribute='content') | join }}");
    await fails(
      1,
      /line 1: the chat template that was given: messages\[1\]: .* and pass it as --chat-template FILE\.$/,
      ...show("--chat-template", unclear),
    );
    await fails(1, /none\.jinja: expected a chat template in Jinja/, ...show("--chat-template", "none.jinja"));
  });

  test("is saved with a model that learnt by it, and belongs to the run", async () => {
    const model = await writeTinyModel(join(folder, "tiny"));
    writeFileSync(join(model, "chat_template.jinja"), "{{ 'other' }}");
    mkdirSync(join(model, "additional_chat_templates"));
    writeFileSync(join(model, "additional_chat_templates", "tool_use.jinja"), "{{ 'tools' }}");
    const output = join(folder, "full");
    const args = ["--model", model, "--data", data, "--output", output, "--method", "full", "--engine", "cpu"];
    await trained(...args, "--steps", "1", "--chat-template", template);
    expect(readFileSync(join(output, "chat_template.jinja"), "utf8")).toBe(readFileSync(template, "utf8"));
    expect(existsSync(join(output, "additional_chat_templates"))).toBe(false);
    const tokenizer = await loadTokenizer(output);
    expect(tokenizer.applyChatTemplate(chat.messages, { tools: [{ name: "f" }] })).toBe("U:Name a fruit.A:Apple.");
    await fails(1, /got different ones: --chat-template\./, ...args, "--resume", "--steps", "2");
    await trained("--output", output, "--resume", "--steps", "2", "--engine", "cpu");
  });
});

test("standard input is no file of texts", () =>
  fails(
    1,
    /expected a file of texts, got -, which is standard input for other programs\. Save/,
    "--model",
    SAMPLE,
    "--data",
    "-",
    "--show-data",
    "1",
  ));

test("a byte order mark before a file of adapters is no part of it", () => {
  const adapters = write(folder, "bom.json", "\uFEFF{}");
  return fails(
    1,
    /bom\.json: lora: expected a list of adapters/,
    "--model",
    SAMPLE,
    "--data",
    data,
    "--adapters",
    adapters,
    "--output",
    join(folder, "x"),
  );
});
