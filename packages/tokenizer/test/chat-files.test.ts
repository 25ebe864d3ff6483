import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { type ChatMessage, type ChatTemplateOptions, Tokenizer } from "../src/index.js";
import { fixture, textOrNull, wronglyContinued } from "./golden-templates.js";

/** Folders with templates in several places, and what transformers renders: `tools/reference/golden_chat_files.py`. */
interface FileCases {
  readonly chats: readonly (readonly ChatMessage[])[];
  readonly cases: readonly {
    readonly files: Readonly<Record<string, string>>;
    readonly chat: number;
    readonly options: {
      readonly chat_template?: string;
      readonly tools?: readonly object[];
      readonly documents?: readonly object[];
      readonly add_generation_prompt?: boolean;
      readonly continue_final_message?: boolean | string;
    };
    readonly result: { readonly text: string; readonly spans: readonly (readonly [number, number])[] | null } | null;
  }[];
}

const GOLDEN: FileCases = JSON.parse(fixture("chat-templates/files.json.gz"));

test("templates are found in every place where transformers keeps them, and the same one is taken", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mixtape-chat-files-"));
  try {
    for (const [index, { files, chat, options, result }] of GOLDEN.cases.entries()) {
      const path = join(folder, String(index));
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(path, name)), { recursive: true });
        await writeFile(join(path, name), content);
      }
      const tokenizer = await Tokenizer.fromFolder(path);
      const messages = GOLDEN.chats[chat] as readonly ChatMessage[];
      const { chat_template: template, tools, documents, ...more } = options;
      const common = { ...(template && { template }), ...(tools && { tools }), ...(documents && { documents }) };
      const prompt: ChatTemplateOptions = {
        ...common,
        addGenerationPrompt: more.add_generation_prompt ?? false,
        continueFinalMessage: more.continue_final_message ?? false,
      };
      const where = `${index}: ${JSON.stringify(options)}`;
      expect(
        textOrNull(() => tokenizer.applyChatTemplate(messages, prompt)),
        where,
      ).toBe(result?.text ?? null);
      if (!result?.spans) continue;
      const { text, assistantSpans } = tokenizer.renderChat(messages, common);
      expect(text, where).toBe(result.text);
      expect(
        assistantSpans.map(({ start, end }) => [start, end]),
        where,
      ).toEqual(result.spans);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("continueFinalMessage: the last message stays open as in transformers (a quarter of the chats; all in the long test)", () => {
  expect(wronglyContinued((template, chat) => (template + chat) % 4 === 0)).toEqual([]);
});
