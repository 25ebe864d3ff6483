/**
 * Finds the assistant's text in a rendered chat whose template does not mark it with `{% generation %}`.
 *
 * Rendering records the message in whose loop iteration each piece of the text was written. The text of an assistant's
 * iteration is its region: a header, the answer, the token that ends the turn, and often a newline. The header is the
 * text that the template writes for `add_generation_prompt`, so the model never generates it; the newline comes after
 * the model has stopped.
 */

import type { ChatMessage, TextSpan } from "./chat-message.js";
import type { Piece } from "./jinja/output.js";
import { strip, stripEnd } from "./jinja/python/text.js";
import type { Rendering } from "./jinja/template.js";
import { TokenizerError } from "./tokenizer-error.js";

export interface SpanOptions {
  /** Name of the template, for errors. */
  readonly where: string;
  readonly messages: readonly ChatMessage[];
  /** Special and added tokens: a header ends at the end of one of them, or of a line. */
  readonly tokens: readonly string[];
  /** Renders the first messages, with or without a generation prompt. */
  render(messages: readonly ChatMessage[], addGenerationPrompt: boolean): Rendering;
}

export function findAssistantSpans(rendering: Rendering, options: SpanOptions): TextSpan[] {
  const { messages, where } = options;
  const isAssistant = (index: number) => messages[index]?.role === "assistant";
  const turns = messages.map((message, index) => ({ message, index })).filter(({ index }) => isAssistant(index));
  if (turns.length === 0) return [];
  const spans: TextSpan[] = [];
  let prompt: { readonly text: string | undefined } | undefined;
  for (const { message, index } of turns) {
    const subject = rendering.messages[index];
    const pieces = rendering.pieces.filter((piece) => piece.subject === subject);
    if (pieces.length === 0) {
      if (!says(message)) continue;
      throw unclear(
        where,
        index,
        "an iteration for it in a loop over the messages",
        "none: the template writes the message elsewhere, or not at all",
      );
    }
    prompt ??= { text: generationPrompt(rendering, options) };
    spans.push(...turnSpans(rendering.text, pieces, message, index, prompt.text, options));
  }
  const final = isAssistant(messages.length - 1) ? endOfText(rendering, options.tokens) : undefined;
  return final === undefined ? spans : [...spans, final];
}

/** Finds a token that the template writes once, after all messages, to end the text (Phi 3). */
function endOfText(rendering: Rendering, tokens: readonly string[]): TextSpan | undefined {
  const tail = unownedTail(rendering);
  const token = strip(tail);
  if (token === "" || !tokens.includes(token)) return undefined;
  const start = rendering.text.length - tail.length + tail.indexOf(token);
  return { start, end: start + token.length };
}

/** Whether a message has something that a template would print. */
function says(message: ChatMessage): boolean {
  return ownTexts(message).length > 0 || (Array.isArray(message.tool_calls) && message.tool_calls.length > 0);
}

/** Returns a message's own texts: all but its role. */
function ownTexts({ role: _, ...rest }: ChatMessage): string[] {
  const texts: string[] = [];
  const open: unknown[] = [rest];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value === "string" && strip(value) !== "") texts.push(strip(value));
    else if (typeof value === "object" && value !== null) {
      for (const part of value instanceof Map ? value.values() : Object.values(value)) open.push(part);
    }
  }
  return texts;
}

/**
 * Returns the text that the template writes to make the model answer. Empty if it writes none, as Mistral's do;
 * undefined if it is unknown, because the template refuses all prompts that were tried.
 */
function generationPrompt(rendering: Rendering, options: SpanOptions): string | undefined {
  const { messages } = options;
  let isEmpty = false;
  for (const head of promptable(messages)) {
    const prompted = rendered(head, true, options);
    if (prompted === undefined) continue;
    const tail = unownedTail(prompted);
    if (head !== messages && tail !== "") return withoutReasoning(tail);
    const plain = head === messages ? rendering : rendered(head, false, options);
    if (plain === undefined) continue;
    const plainTail = unownedTail(plain);
    if (tail !== plainTail) return withoutReasoning(tail.startsWith(plainTail) ? tail.slice(plainTail.length) : tail);
    // Some templates write the prompt in the last message's turn.
    if (prompted.text.length > plain.text.length && prompted.text.startsWith(plain.text))
      return withoutReasoning(prompted.text.slice(plain.text.length));
    // After an answer, templates may omit a prompt that they write elsewhere.
    if (head.at(-1)?.role !== "assistant" && prompted.text === plain.text) isEmpty = true;
  }
  return isEmpty ? "" : undefined;
}

/** Returns the chats to look for a generation prompt in: up to the first answer to a message, and the whole. */
function promptable(messages: readonly ChatMessage[]): (readonly ChatMessage[])[] {
  const isAnswer = (index: number) => messages[index]?.role === "assistant";
  const answer = messages.findIndex((_, index) => index > 0 && isAnswer(index) && !isAnswer(index - 1));
  return answer === -1 ? [messages] : [messages.slice(0, answer), messages];
}

/** Renders; undefined if the template refuses these messages, or a prompt after them. */
function rendered(head: readonly ChatMessage[], isPrompt: boolean, { render }: SpanOptions): Rendering | undefined {
  try {
    return render(head, isPrompt);
  } catch (error) {
    if (error instanceof TokenizerError) return undefined;
    throw error;
  }
}

/** Removes the reasoning that a prompt opens, or skips: it belongs to the answer, as in trl's training templates. */
function withoutReasoning(prompt: string): string {
  const at = prompt.search(/[<[][^<>[\]\s]*(?:think|thought)[^<>[\]\s]*[>\]]/i);
  return at === -1 ? prompt : prompt.slice(0, at);
}

/** Returns the text after the last piece that belongs to a message. */
function unownedTail({ text, pieces }: Rendering): string {
  return text.slice(pieces.findLast(({ subject }) => subject !== null)?.end ?? text.length);
}

function turnSpans(
  text: string,
  pieces: readonly Piece[],
  message: ChatMessage,
  index: number,
  prompt: string | undefined,
  options: SpanOptions,
): TextSpan[] {
  const regions = joined(pieces);
  const [first] = regions as [TextSpan];
  const last = regions.at(-1) as TextSpan;
  const own = ownStart(text, pieces, message);
  const start =
    first.start + headerLength(text, { start: first.start, end: Math.min(first.end, own) }, prompt, index, options);
  const end = turnEnd(text, pieces, last, options.tokens);
  const spans = regions.map((region) => ({
    start: region === first ? start : region.start,
    end: region === last ? end : region.end,
  }));
  return spans.filter((span) => span.start < span.end);
}

/** Joins consecutive pieces into regions. */
function joined(pieces: readonly Piece[]): TextSpan[] {
  const regions: { start: number; end: number }[] = [];
  for (const { start, end } of pieces) {
    const before = regions.at(-1);
    if (before !== undefined && before.end === start) before.end = end;
    else regions.push({ start, end });
  }
  return regions;
}

/** Returns where the message's own text begins, as far as it can be recognised: no header extends beyond it. */
function ownStart(text: string, pieces: readonly Piece[], message: ChatMessage): number {
  const own = ownTexts(message);
  const piece = pieces.find(({ start, end, literal }) => {
    const printed = strip(text.slice(start, end));
    if (literal || printed === "" || printed === message.role) return false;
    return own.some(
      (part) => printed.startsWith(part.slice(0, 16)) || part.startsWith(printed) || part.endsWith(printed),
    );
  });
  return piece?.start ?? text.length;
}

/** Returns the length of the header at the start of a region: its common prefix with the generation prompt. */
function headerLength(
  text: string,
  region: TextSpan,
  prompt: string | undefined,
  index: number,
  options: SpanOptions,
): number {
  // Without a generation prompt the model itself writes the whole turn.
  if (prompt === "") return 0;
  const head = text.slice(region.start, region.end);
  // Before a chat that the assistant begins, templates write the beginning of every text: a default system message, for
  // one.
  const whole = prompt?.trimStart() ?? "";
  if (index === 0 && whole !== "" && head.includes(whole)) return head.indexOf(whole) + whole.length;
  // A newline at the start of the prompt ends the previous turn.
  for (const candidate of prompt === undefined ? [] : [prompt, prompt.trimStart()]) {
    const length = commonHeader(head, candidate, options.tokens);
    if (length > 0) return length;
  }
  // The token that begins the text may precede the first header.
  for (const token of prompt === undefined ? [] : options.tokens) {
    if (token === "" || !head.startsWith(token)) continue;
    const length = commonHeader(head.slice(token.length), prompt!, options.tokens);
    if (length > 0) return token.length + length;
  }
  if (strip(head) === "") return 0;
  const length = headerBefore(text, region, prompt, index, options);
  if (length !== undefined) return length;
  const begins = JSON.stringify(head.slice(0, 60));
  const got =
    prompt === undefined
      ? `${begins}, and no chat after which it writes a generation prompt`
      : `${begins} and the prompt ${JSON.stringify(prompt.slice(0, 60))}`;
  throw unclear(options.where, index, "a header that is the template's generation prompt", got);
}

function commonHeader(head: string, prompt: string, tokens: readonly string[]): number {
  const rest = Math.min(head.length, prompt.length);
  let common = 0;
  while (common < rest && head[common] === prompt[common]) common += 1;
  // If both continue differently, the header ends with the last whole token, or line, that they share.
  return common === rest ? common : lastBoundary(head.slice(0, common), tokens);
}

/** Maximum length of a header. */
const LONGEST_HEADER = 1000;

/**
 * Returns the length of the header by the prompt for this very answer: the common prefix of both from the region's
 * start, or the end of the prompt. Only for turns that begin unlike others, as DeepSeek's do after a tool's output.
 */
function headerBefore(
  text: string,
  { start, end }: TextSpan,
  generation: string | undefined,
  index: number,
  options: SpanOptions,
): number | undefined {
  const { messages, tokens } = options;
  const before = index === 0 ? undefined : rendered(messages.slice(0, index), true, options)?.text;
  if (before === undefined) return undefined;
  const head = text.slice(start, end);
  if (before.length >= start && before.length <= end && text.startsWith(before)) {
    // No header at all: the turn continues (Gemma 4), or is empty. A template without a prompt proves nothing.
    const proven = before.length > start || generation !== undefined || tokens.includes(strip(head));
    if (proven) return withoutReasoning(before.slice(start)).length;
  }
  for (let length = Math.min(head.length, before.length, LONGEST_HEADER); length > 0; length--) {
    const header = head.slice(0, length);
    if (before.endsWith(header) && (length === head.length || lastBoundary(header, tokens) === length)) return length;
  }
  return undefined;
}

function lastBoundary(text: string, tokens: readonly string[]): number {
  let boundary = text.lastIndexOf("\n") + 1;
  for (const token of tokens) {
    const at = token === "" ? -1 : text.lastIndexOf(token);
    if (at !== -1) boundary = Math.max(boundary, at + token.length);
  }
  return boundary;
}

/** Returns the end of the text to learn, without the template's white space after the token that ends the turn. */
function turnEnd(text: string, pieces: readonly Piece[], region: TextSpan, tokens: readonly string[]): number {
  let end = region.end;
  for (const piece of pieces.toReversed()) {
    if (piece.end !== end || piece.start < region.start) break;
    const kept = stripEnd(text.slice(piece.start, end)).length;
    if (!piece.literal) {
      // A line that ends with a token was written by the template, whatever the expression.
      const line = text.slice(piece.start, piece.start + kept);
      return tokens.some((token) => token !== "" && strip(token) !== "" && line.endsWith(token))
        ? piece.start + kept
        : end;
    }
    end = piece.start + kept;
    if (kept > 0) break;
  }
  return end;
}

function unclear(where: string, index: number, expected: string, got: string): TokenizerError {
  return new TokenizerError({
    where: `${where}: messages[${index}]`,
    expected,
    got,
    fix: {
      option: "template",
      text: (option) =>
        `Mark the assistant's text with {% generation %} in the template, as trl's training templates do, and pass it as ${option}`,
    },
  });
}
