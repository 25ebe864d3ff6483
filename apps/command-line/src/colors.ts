import pc from "picocolors";

/** Colours of what is written to standard error. */
export const colors = colorsFor(process.stderr);

/** Colours for a stream: none where it is no terminal, or `NO_COLOR` is set. */
export function colorsFor(stream: { readonly isTTY?: boolean }): ReturnType<typeof pc.createColors> {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return pc.createColors(false);
  if (FORCE_COLOR && FORCE_COLOR !== "0") return pc.createColors(true);
  return pc.createColors(stream.isTTY === true && TERM !== "dumb");
}

/** Says on standard error what the reader may not expect. */
export function note(text: string): void {
  process.stderr.write(`${colors.yellow("note:")} ${text}\n`);
}
