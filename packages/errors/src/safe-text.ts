/**
 * Characters that a terminal interprets instead of showing, and those that reorder text: C0 and C1 controls, line and
 * paragraph separators, and the embeddings, overrides and isolates of bidirectional text. Tabs and line feeds are not
 * among them.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: matching them is the purpose.
const UNSAFE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]/g;

/**
 * Escapes text from a file so that it is safe to show: characters that a terminal would interpret are written as in
 * JSON, `\u001b` for the escape character. Tabs and line feeds stay.
 */
export function safeText(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(UNSAFE, escaped);
}

/**
 * Escapes a name so that it stays on one line: line feeds and tabs are written as `\n` and `\t`, and the middle of a
 * long text is left out.
 */
export function safeName(text: string, limit = 200): string {
  const line = safeText(text).replace(/\n/g, "\\n").replace(/\t/g, "\\t");
  return shortened(line, limit);
}

/** Leaves out the middle of a text that is longer than a limit. */
export function shortened(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const half = Math.floor((limit - 1) / 2);
  return `${text.slice(0, half)}…${text.slice(-half)}`;
}

/**
 * Escapes parts of an error's message: as {@link safeText}, and line feeds that neither begin an item of a list (a line
 * with two spaces before it) nor end the text are written as `\n`, so that no file name can look like a separate line.
 */
export function safeMessage(text: string): string {
  return safeText(text).replace(/\n(?! {2}|$)/g, "\\n");
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
