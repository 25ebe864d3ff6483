/**
 * Chat templates: render messages to the text format that a model was trained on, like transformers'
 * `apply_chat_template`.
 */

import type { OptionNames } from "@mixtape/errors";
import { findAssistantSpans } from "./assistant-spans.js";
import type { ChatMessage, TextSpan } from "./chat-message.js";
import { extraTokens, findTemplates } from "./chat-template-files.js";
import { closeMarks, type OpenMessage, openFinalMessage } from "./continue-final-message.js";
import { describe } from "./fields.js";
import { type Rendering, Template } from "./jinja/template.js";
import { TemplateError } from "./jinja/template-error.js";
import { TokenizerError } from "./tokenizer-error.js";
import type { TokenizerSource } from "./tokenizer-files.js";
import { findUnwrittenParts, type UnwrittenPart } from "./unwritten-parts.js";

/** Options for rendering a chat. */
export interface RenderChatOptions {
  /** JSON schemas of functions, for templates that support tools. */
  readonly tools?: readonly unknown[];
  /** Documents for templates that support them: usually objects with `title` and `text`. */
  readonly documents?: readonly unknown[];
  /** The name of one of the tokenizer's templates, or the text of another. */
  readonly template?: string;
  /**
   * More variables for the template, such as `{ enable_thinking: false }`. They take precedence over the special
   * tokens.
   */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Time for the template's `strftime_now`. Default: the current time. */
  readonly now?: Date;
}

/** Options for rendering a prompt. */
export interface ChatTemplateOptions extends RenderChatOptions {
  /** Ends the text with the header of an assistant's message, for the model to continue. Default: `false`. */
  readonly addGenerationPrompt?: boolean;
  /**
   * Ends the text at the end of the last message, without an end of turn, for the model to continue it: its `content`,
   * or the named field. Cannot be combined with `addGenerationPrompt`. Default: `false`.
   */
  readonly continueFinalMessage?: boolean | string;
}

/** A chat as text, with the parts that the assistant generates. */
export interface RenderedChat {
  /** The text, including the special tokens. Encode it with `{ addSpecialTokens: false }`. */
  readonly text: string;
  /**
   * Spans that the assistant generates, in order: its answers with the token that ends each, without headers. Computed
   * when read.
   * @throws {TokenizerError} if they cannot be determined
   */
  readonly assistantSpans: readonly TextSpan[];
  /** Parts of the chat that the template omits. Computed when read, by rendering the chat again as needed. */
  readonly unwrittenParts: readonly UnwrittenPart[];
}

export const RENDER_CHAT_OPTIONS: OptionNames<RenderChatOptions> = {
  tools: true,
  documents: true,
  template: true,
  variables: true,
  now: true,
};

export const CHAT_TEMPLATE_OPTIONS: OptionNames<ChatTemplateOptions> = {
  ...RENDER_CHAT_OPTIONS,
  addGenerationPrompt: true,
  continueFinalMessage: true,
};

/** The templates of a tokenizer, parsed on first use. */
export class ChatTemplates {
  readonly #where: string;
  readonly #texts: ReadonlyMap<string, string>;
  /** Special tokens by their names in templates: `bos_token` to `<s>`. */
  readonly #tokens: Readonly<Record<string, string>>;
  readonly #addedTokens: readonly string[];
  readonly #parsed = new Map<string, Template>();

  constructor(source: TokenizerSource, tokens: Readonly<Record<string, string>>) {
    this.#where = source.where;
    this.#texts = findTemplates(source);
    this.#tokens = { ...tokens, ...extraTokens(source.config) };
    this.#addedTokens = addedTokens(source.tokenizer.added_tokens);
  }

  /** Renders a chat as a prompt. */
  apply(messages: readonly ChatMessage[], options: ChatTemplateOptions): string {
    const { addGenerationPrompt = false, continueFinalMessage = false } = options;
    if (continueFinalMessage === false || continueFinalMessage === "") {
      return this.#render(messages, options, addGenerationPrompt).text;
    }
    if (addGenerationPrompt) {
      throw new TokenizerError({
        where: "continueFinalMessage",
        expected: "continueFinalMessage without addGenerationPrompt",
        got: "both",
        fix: "Use continueFinalMessage for the model to continue the last message, addGenerationPrompt for it to begin a new one",
      });
    }
    checkMessages(messages);
    const field = continueFinalMessage === true ? "content" : continueFinalMessage;
    const open: OpenMessage = openFinalMessage(messages, field, this.#choose(options));
    return closeMarks(this.#render(open.messages, options, false).text, open);
  }

  /** Renders a chat as text, with lazily computed information on its parts. */
  render(messages: readonly ChatMessage[], options: RenderChatOptions): RenderedChat {
    const rendering = this.#render(messages, options, false);
    const spans = () => this.#assistantSpans(rendering, messages, options);
    const unwritten = () => {
      // Tools influence the choice of template.
      const same = { ...options, template: this.#choose(options) };
      const { tools, documents } = options;
      return findUnwrittenParts(rendering, { messages, tools, documents }, ({ messages: others, ...beside }) =>
        this.#render(others, { ...same, ...beside }, false),
      );
    };
    return {
      text: rendering.text,
      get assistantSpans() {
        return spans();
      },
      get unwrittenParts() {
        return unwritten();
      },
    };
  }

  #assistantSpans(
    rendering: Rendering,
    messages: readonly ChatMessage[],
    options: RenderChatOptions,
  ): readonly TextSpan[] {
    if (this.#parse(options).hasGenerations) return rendering.generations;
    return findAssistantSpans(rendering, {
      where: this.#nameOf(options),
      messages,
      tokens: [...this.#addedTokens, ...Object.values(this.#tokens)],
      render: (head, addGenerationPrompt) => this.#render(head, options, addGenerationPrompt),
    });
  }

  #render(messages: readonly ChatMessage[], options: RenderChatOptions, addGenerationPrompt: boolean): Rendering {
    checkMessages(messages);
    const { tools, documents, variables, now } = options;
    checkObjects("tools", tools, "JSON schemas of functions");
    checkObjects("documents", documents, "objects with title and text");
    const template = this.#parse(options);
    try {
      return template.render(
        {
          ...this.#tokens,
          ...variables,
          messages,
          tools: tools ?? null,
          documents: documents ?? null,
          add_generation_prompt: addGenerationPrompt,
        },
        () => now ?? new Date(),
      );
    } catch (cause) {
      if (!(cause instanceof TemplateError)) throw cause;
      throw new TokenizerError({
        where: this.#nameOf(options),
        expected: "messages that the template accepts",
        got: `the template's error "${cause.message}"`,
        ...(fixOf(cause.message) && { fix: fixOf(cause.message) }),
        cause,
      });
    }
  }

  /**
   * Chooses a template as transformers does: a named one, else the one for tools if tools are given, else the default.
   */
  #choose({ template, tools }: RenderChatOptions): string {
    const names = [...this.#texts.keys()];
    if (template !== undefined) {
      if (typeof template !== "string")
        throw new TokenizerError({
          where: { option: "template" },
          expected: "a name or a text",
          got: describe(template),
        });
      const text = this.#texts.get(template) ?? template;
      if (text !== template || /\{[{%#]/.test(text)) return text;
      throw new TokenizerError({
        where: this.#where,
        expected:
          names.length === 0
            ? "the text of a template"
            : `the text of a template, or the name of one: ${names.join(", ")}`,
        got: JSON.stringify(template.slice(0, 80)),
      });
    }
    const text = (tools === undefined ? undefined : this.#texts.get("tool_use")) ?? this.#texts.get("default");
    if (text !== undefined) return text;
    throw new TokenizerError({
      where: this.#where,
      expected: "a chat template",
      got: names.length === 0 ? "none" : `only templates with names: ${names.join(", ")}`,
      fix: [
        { option: "template", text: (option) => `pass one as ${option}` },
        "encode a prompt without a template: a base model has no chat format",
      ],
    });
  }

  /** Returns the template's name for errors. */
  #nameOf({ template }: RenderChatOptions): string {
    const isGiven = template !== undefined && !this.#texts.has(template);
    return isGiven ? "the chat template that was given" : `chat template of ${this.#where}`;
  }

  #parse(options: RenderChatOptions): Template {
    const text = this.#choose(options);
    let parsed = this.#parsed.get(text);
    if (parsed === undefined) {
      try {
        parsed = new Template(text);
      } catch (cause) {
        if (!(cause instanceof TemplateError)) throw cause;
        throw new TokenizerError({
          where: this.#nameOf(options),
          expected: "a Jinja template",
          got: cause.message,
          cause,
        });
      }
      this.#parsed.set(text, parsed);
    }
    return parsed;
  }
}

/** Suggests a fix if Python's error says that the template concatenates a string with another type. */
function fixOf(error: string): string | undefined {
  if (!/^(unsupported operand|can only concatenate)/.test(error)) return undefined;
  if (error.includes("'list'") || error.includes('"list"'))
    return "The template expects strings: join a content that is a list of parts into one string";
  return error.includes("NoneType") ? 'The template expects strings: use "" instead of null' : undefined;
}

function checkMessages(messages: readonly ChatMessage[]): void {
  if (!Array.isArray(messages)) {
    throw new TokenizerError({ where: "messages", expected: "an array of messages", got: typeof messages });
  }
  const [first] = messages as readonly unknown[];
  if (first === undefined)
    throw new TokenizerError({ where: "messages", expected: "at least one message", got: "none" });
  if (!Array.isArray(first)) return;
  throw new TokenizerError({
    where: "messages",
    expected: "one chat",
    got: "an array of chats",
    fix: "Call it once for each chat",
  });
}

/** transformers derives schemas from Python functions; JavaScript functions have no types. */
function checkObjects(where: string, values: readonly unknown[] | undefined, expected: string): void {
  if (values === undefined) return;
  if (!Array.isArray(values))
    throw new TokenizerError({ where, expected: `an array of ${expected}`, got: typeof values });
  const place = values.findIndex((value) => typeof value !== "object" || value === null || Array.isArray(value));
  if (place === -1) return;
  const value: unknown = values[place];
  const got =
    typeof value === "function"
      ? "a function"
      : Array.isArray(value)
        ? "an array"
        : value === null
          ? "null"
          : `a ${typeof value}`;
  throw new TokenizerError({
    where: `${where}[${place}]`,
    expected,
    got,
    ...(typeof value === "function"
      ? { fix: "Describe it: { type: 'function', function: { name, description, parameters } }" }
      : {}),
  });
}

function addedTokens(added: unknown): string[] {
  if (!Array.isArray(added)) return [];
  return added
    .map((token: { content?: unknown } | null) => token?.content)
    .filter((content) => typeof content === "string" && content !== "") as string[];
}
