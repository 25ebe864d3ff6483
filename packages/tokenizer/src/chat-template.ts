/** Chat templates: messages to the text that a model was trained on. */

import { Template } from "@huggingface/jinja";
import type { OptionNames } from "@mixtape/errors";
import { messageOf, TokenizerError } from "./tokenizer-error.js";
import type { TokenizerSource } from "./tokenizer-files.js";

/** A message of a chat. Templates may read more fields than these (`tool_calls`, `name`). */
export interface ChatMessage {
  /** Who says it: `user`, `assistant`, `system`, `tool`, as the template has them. */
  readonly role: string;
  /** What is said: a text, or what else the template takes. */
  readonly content?: unknown;
  readonly [key: string]: unknown;
}

/** How a chat becomes text. */
export interface ChatTemplateOptions {
  /** Ends the text with the header of an assistant's message, for the model to go on. Default `false`. */
  readonly addGenerationPrompt?: boolean;
  /** Descriptions of functions, as JSON schemas, for templates that take them. */
  readonly tools?: readonly unknown[];
  /** Documents for templates that take them. */
  readonly documents?: readonly unknown[];
  /** The name of one of the tokenizer's templates, or the text of another. */
  readonly template?: string;
  /** More variables for the template, such as `{ enable_thinking: false }`. They go before the special tokens. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

export const CHAT_TEMPLATE_OPTIONS: OptionNames<ChatTemplateOptions> = {
  addGenerationPrompt: true,
  tools: true,
  documents: true,
  template: true,
  variables: true,
};

/** The templates of a tokenizer, parsed on first use. */
export class ChatTemplates {
  readonly #where: string;
  readonly #texts: ReadonlyMap<string, string>;
  readonly #parsed = new Map<string, Template>();

  constructor(source: TokenizerSource) {
    this.#where = source.where;
    this.#texts = findTemplates(source);
  }

  render(
    messages: readonly ChatMessage[],
    specialTokens: Readonly<Record<string, string>>,
    { addGenerationPrompt = false, tools, documents, template, variables }: ChatTemplateOptions,
  ): string {
    if (messages.length === 0) {
      throw new TokenizerError({ where: "messages", expected: "at least one message", got: "none" });
    }
    const parsed = this.#parse(this.#choose(template, tools !== undefined));
    try {
      return parsed.render({
        ...specialTokens,
        ...variables,
        messages,
        tools: tools ?? null,
        documents: documents ?? null,
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (cause) {
      throw new TokenizerError({
        where: `chat template of ${this.#where}`,
        expected: "messages that the template accepts",
        got: `the template's error "${messageOf(cause)}"`,
        cause,
      });
    }
  }

  /** As in transformers: a named template, else the one for tools where tools are given, else the default. */
  #choose(template: string | undefined, withTools: boolean): string {
    if (template !== undefined) return this.#texts.get(template) ?? template;
    const text = (withTools ? this.#texts.get("tool_use") : undefined) ?? this.#texts.get("default");
    if (text !== undefined) return text;
    const names = [...this.#texts.keys()];
    throw new TokenizerError({
      where: this.#where,
      expected: "a chat template",
      got: names.length === 0 ? "none" : `only templates with names: ${names.join(", ")}`,
      fix: "Give one as options.template, or encode a prompt without a template: a base model knows no chat format",
    });
  }

  #parse(text: string): Template {
    let parsed = this.#parsed.get(text);
    if (parsed === undefined) {
      try {
        parsed = new Template(text);
      } catch (cause) {
        throw new TokenizerError({
          where: `chat template of ${this.#where}`,
          expected: "a Jinja template",
          got: messageOf(cause),
          cause,
        });
      }
      this.#parsed.set(text, parsed);
    }
    return parsed;
  }
}

/** `chat_template.jinja`, or `chat_template` of the config: a text, or a list of `{ name, template }`. */
function findTemplates({ where, config, chatTemplate }: TokenizerSource): Map<string, string> {
  const texts = new Map<string, string>();
  const given = config.chat_template;
  if (typeof given === "string") texts.set("default", given);
  else if (Array.isArray(given)) {
    for (const { name, template } of given.map(namedTemplate)) texts.set(name, template);
  } else if (given !== undefined && given !== null) throw badTemplate(given);
  if (chatTemplate !== undefined) texts.set("default", chatTemplate);
  return texts;

  function namedTemplate(entry: unknown): { name: string; template: string } {
    if (typeof entry === "object" && entry !== null && "name" in entry && "template" in entry) {
      const { name, template } = entry;
      if (typeof name === "string" && typeof template === "string") return { name, template };
    }
    throw badTemplate(entry);
  }

  function badTemplate(value: unknown): TokenizerError {
    return new TokenizerError({
      where: `${where}: chat_template`,
      expected: "a text or a list of { name, template }",
      got: JSON.stringify(value).slice(0, 80),
    });
  }
}
