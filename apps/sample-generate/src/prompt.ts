/** Prompts: text, token ids, or a chat. */

import {
  type Interrupt,
  parseInput,
  readChatTemplate,
  readInputText,
  readStandardInput,
  UsageError,
} from "@mixtape/command-line";
import { parsePythonJson, type Tokenizer, TokenizerError, type UnwrittenPart } from "@mixtape/tokenizer";
import { aboutUnwritten, type Chat, oddRoles, readChat } from "@mixtape/training";

/** Flags of a prompt, of which one is set. */
export interface PromptFlags {
  readonly prompt?: string;
  readonly promptIds?: readonly number[];
  /** A file with a chat, or `-` for standard input. */
  readonly chat?: string;
  /** A file with the chat template. */
  readonly chatTemplate?: string;
}

/** A prompt to continue. */
export interface Prompt {
  readonly ids: readonly number[];
  /** Notes on the prompt. */
  readonly notes: readonly string[];
}

/** @throws {UsageError} unless exactly one is given */
export function checkPrompt({ prompt, promptIds, chat, chatTemplate }: PromptFlags): void {
  const given = [prompt, promptIds, chat].filter((one) => one !== undefined).length;
  if (given !== 1)
    throw new UsageError(
      `expected ${given === 0 ? "a prompt" : "one prompt"}: --prompt TEXT, --prompt-ids 5,6,7 or --chat FILE.json`,
    );
  if (chatTemplate !== undefined && chat === undefined) throw new UsageError("--chat-template is for --chat");
}

/** Returns the token ids of the prompt. Only ids do not need a tokenizer. */
export async function promptOf(flags: PromptFlags, tokenizer: Tokenizer | null, interrupt: Interrupt): Promise<Prompt> {
  if (flags.promptIds) return { ids: flags.promptIds, notes: [] };
  if (!tokenizer) throw new UsageError("without a tokenizer, give the prompt as --prompt-ids");
  if (flags.prompt !== undefined) return { ids: tokenizer.encode(flags.prompt), notes: [] };
  const { messages, options: own } = await chatOf(flags.chat!, interrupt);
  const template = flags.chatTemplate === undefined ? {} : { template: readChatTemplate(flags.chatTemplate) };
  const options = { ...template, ...own };
  const text = tokenizer.applyChatTemplate(messages, { ...options, addGenerationPrompt: true });
  return { ids: tokenizer.encode(text, { addSpecialTokens: false }), notes: notesOn({ messages, options }, tokenizer) };
}

/** Lists notes on a chat to be answered. */
function notesOn({ messages, options }: Chat, tokenizer: Tokenizer): string[] {
  const roles = oddRoles(messages);
  const unwritten = aboutUnwritten(messages, unwrittenParts({ messages, options }, tokenizer));
  return [
    ...unwritten.map((kind) => `the chat template writes nothing of ${kind}`),
    ...(roles === undefined ? [] : [`roles of the chat that templates do not know as a rule: ${roles}`]),
    ...(messages.at(-1)?.role === "assistant"
      ? [
          "the chat ends with the assistant's answer, and is asked for another: leave that message out to have it answered",
        ]
      : []),
  ];
}

function unwrittenParts({ messages, options }: Chat, tokenizer: Tokenizer): readonly UnwrittenPart[] {
  try {
    return tokenizer.renderChat(messages, options).unwrittenParts;
  } catch (error) {
    // A template may accept the messages only with a generation prompt.
    if (error instanceof TokenizerError) return [];
    throw error;
  }
}

/** Reads the chat from a file, or from standard input. */
async function chatOf(path: string, interrupt: Interrupt): Promise<Chat> {
  const expected = 'a chat, [{ "role": "user", "content": "…" }] or { "messages": […], "tools": […] }';
  const text = path === "-" ? await readStandardInput({ expected }, interrupt) : readInputText(path, { expected });
  const where = path === "-" ? "standard input" : path;
  return readChat(parseInput(text, where, { expected, parse: parsePythonJson }), where);
}
