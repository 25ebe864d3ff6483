/** Standard output and standard error, as pipes and as terminals. */

/** Ends the process without a word when whoever reads its output has read enough, as `head` does. */
export function endQuietlyWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(0);
      throw error;
    });
  }
}

/**
 * Text that is safe to show on a terminal: control characters that could move the cursor or change settings are shown as
 * U+FFFD. Tabs and newlines stay.
 */
export function forTerminal(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about.
  return text.replace(/\r\n/g, "\n").replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "\ufffd");
}
