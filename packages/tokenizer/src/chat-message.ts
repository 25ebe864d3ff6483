/** A message of a chat. Templates may read more fields than these (`tool_calls`, `name`). */
export interface ChatMessage {
  /** Role: `user`, `assistant`, `system`, `tool`, as the template expects. */
  readonly role: string;
  /** Content: a text, or anything else that the template accepts. */
  readonly content?: unknown;
  readonly [key: string]: unknown;
}

/** A part of a text, in UTF-16 code units: `text.slice(start, end)`. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
}
