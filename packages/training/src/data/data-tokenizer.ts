import type { ChatMessage, UnwrittenPart } from "@mixtape/tokenizer";
import type { TextSpan, TokenOffsets } from "./label-masks.js";

/** Inputs of a chat template besides the messages. */
export interface ChatOptions {
  readonly tools?: readonly unknown[];
  readonly documents?: readonly unknown[];
  readonly template?: string;
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** The part of a tokenizer that prepares texts: implemented by `Tokenizer` of `@mixtape/tokenizer`. */
export interface DataTokenizer {
  /** Number of ids. */
  readonly vocabSize: number;
  /** End-of-text token; null for none. */
  readonly eosToken: string | null;
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): readonly number[];
  encodeWithOffsets(
    text: string,
    options?: { readonly addSpecialTokens?: boolean },
  ): { readonly ids: readonly number[]; readonly offsets: readonly TokenOffsets[] };
  decode(ids: Iterable<number>): string;
  applyChatTemplate(
    messages: readonly ChatMessage[],
    options?: ChatOptions & { readonly addGenerationPrompt?: boolean },
  ): string;
  renderChat(
    messages: readonly ChatMessage[],
    options?: ChatOptions,
  ): {
    readonly text: string;
    readonly assistantSpans: readonly TextSpan[];
    readonly unwrittenParts: readonly UnwrittenPart[];
  };
}
