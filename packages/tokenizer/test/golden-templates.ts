import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { type ChatMessage, type ChatTemplateOptions, parsePythonJson, Tokenizer } from "../src/index.js";
import { Template } from "../src/jinja/template.js";

/** A real template, and the package that it comes from: `tools/reference/golden_chat_templates.py`. */
interface RealTemplate {
  readonly name: string;
  readonly package: string;
  readonly licence: string;
  readonly template: string;
}

interface Chat {
  readonly messages: readonly ChatMessage[];
  readonly options: Readonly<Record<string, unknown>>;
}

interface Texts {
  /** What transformers renders for each chat; `null` where the template, or Python, refuses it. */
  readonly texts: Readonly<Record<string, readonly (string | null)[]>>;
  /** What transformers' AssistantTracker marks, for templates with `{% generation %}`. */
  readonly generations: Readonly<Record<string, readonly (readonly (readonly [number, number])[] | null)[]>>;
}

export function fixture(name: string): string {
  const data = readFileSync(fileURLToPath(new URL(`./__fixtures__/${name}`, import.meta.url)));
  return (name.endsWith(".gz") ? gunzipSync(data) : data).toString();
}

export const TEMPLATES = JSON.parse(fixture("chat-templates/templates.json.gz")) as readonly RealTemplate[];
export const GOLDEN = JSON.parse(fixture("chat-templates/texts.json.gz")) as Texts;
export const CHATS = parsePythonJson(fixture("chat-templates/chats.json")) as readonly Chat[];

const TOKENS = { bos_token: "<s>", eos_token: "</s>", pad_token: "<pad>", unk_token: "<unk>" };
const MODEL = { type: "WordLevel", unk_token: "<unk>", vocab: { "<s>": 0, "</s>": 1, "<pad>": 2, "<unk>": 3 } };

export function tokenizerWith(template: string): Tokenizer {
  return Tokenizer.fromJSON({ model: MODEL, added_tokens: [] }, { ...TOKENS, chat_template: template });
}

export function optionsOf({ options }: Chat): ChatTemplateOptions {
  const { tools, documents, add_generation_prompt: addGenerationPrompt = false, ...variables } = options;
  return {
    variables,
    now: new Date(2026, 0, 2, 3, 4, 5),
    addGenerationPrompt: addGenerationPrompt === true,
    ...(Array.isArray(tools) ? { tools } : {}),
    ...(Array.isArray(documents) ? { documents } : {}),
  };
}

/** How a template's renderings of some chats differ from transformers'. */
export function differences({ name, template }: RealTemplate, chats: readonly number[]): string[] {
  const tokenizer = tokenizerWith(template);
  return chats.flatMap((index) => {
    const chat = CHATS[index] as Chat;
    const expected = GOLDEN.texts[name]?.[index];
    const got = textOrNull(() => tokenizer.applyChatTemplate(chat.messages, optionsOf(chat)));
    return got === expected ? [] : [`${name}, chat ${index}:\n${got}\ninstead of\n${expected}`];
  });
}

/** What is rendered; null for what is refused. */
export function textOrNull(render: () => string): string | null {
  try {
    return render();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "TokenizerError") throw error;
    return null;
  }
}

interface Continued {
  readonly chats: readonly (readonly [messages: readonly ChatMessage[], field: boolean | string])[];
  /** Hashes of the texts, by the template's name; null where transformers refuses. */
  readonly results: Readonly<Record<string, readonly (string | null)[]>>;
}

/** Chats whose last message is to be continued: `tools/reference/golden_chat_files.py`. */
const CONTINUED: Continued = JSON.parse(fixture("chat-templates/continued.json.gz"));

/** How prompts that continue the last message differ from transformers', for some templates and chats by their numbers. */
export function wronglyContinued(which: (template: number, chat: number) => boolean): string[] {
  return TEMPLATES.flatMap(({ name, template }, number) => {
    const tokenizer = tokenizerWith(template);
    return CONTINUED.chats.flatMap(([messages, continueFinalMessage], chat) => {
      if (!which(number, chat)) return [];
      const options = { continueFinalMessage, now: new Date(2026, 0, 2, 3, 4, 5) };
      const text = textOrNull(() => tokenizer.applyChatTemplate(messages, options));
      const hash = text === null ? null : createHash("sha256").update(text).digest("hex").slice(0, 12);
      return hash === CONTINUED.results[name]?.[chat] ? [] : [`${name}, chat ${chat}: ${JSON.stringify(text)}`];
    });
  });
}

/** Small templates made at random, each with what Jinja2 renders; `null` for an error: `tools/reference/golden_jinja.py`. */
export const RANDOM = JSON.parse(fixture("jinja.json.gz")) as readonly (readonly [string, string | null])[];

export function wrongOf(cases: typeof RANDOM): string[] {
  return cases.flatMap(([template, expected]) => {
    let got: string | null;
    try {
      got = new Template(template).render({}, () => new Date(0)).text;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "TemplateError") throw error;
      got = null;
    }
    return got === expected ? [] : [`${template}\n  ${got}\ninstead of\n  ${expected}`];
  });
}
