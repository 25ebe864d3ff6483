/** A message of a chat. Templates may read more fields than these (`tool_calls`, `name`). */
export interface ChatMessage {
  /** Who says it: `user`, `assistant`, `system`, `tool`, as the template has them. */
  readonly role: string;
  /** What is said: a text, or what else the template takes. */
  readonly content?: unknown;
  readonly [key: string]: unknown;
}

/** A part of a text, in UTF-16 code units: `text.slice(start, end)`. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
}
