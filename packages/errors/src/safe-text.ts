/**
 * What a terminal would obey in place of showing it, and what shows text in another order than it has: C0 and C1 controls, line and
 * paragraph separators, and the embeddings, overrides and isolates of bidirectional text. Tabs and line feeds are left out.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about.
const UNSAFE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]/g;

/**
 * Text from a file that is safe to show: what a terminal would obey is written as JSON does it, `\u001b` for the escape character. Tabs and
 * line feeds stay.
 */
export function safeText(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(UNSAFE, escaped);
}

/** The same on one line, for a name: line feeds and tabs are written as `\n` and `\t`, and the middle of a long text is left out. */
export function safeName(text: string, limit = 200): string {
  const line = safeText(text).replace(/\n/g, "\\n").replace(/\t/g, "\\t");
  return shortened(line, limit);
}

/** A text without its middle where it is longer than a limit. */
export function shortened(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const half = Math.floor((limit - 1) / 2);
  return `${text.slice(0, half)}…${text.slice(-half)}`;
}

/**
 * Parts of an error's message: the same as {@link safeText}, and line feeds that do not begin an item of a list (a line with two spaces before
 * it) or end the text are written as `\n`, so that no name of a file can look like a line of its own.
 */
export function safeMessage(text: string): string {
  return safeText(text).replace(/\n(?! {2}|$)/g, "\\n");
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
