import pc from "picocolors";

/** Colours of what is written to standard error: none where it is no terminal, or `NO_COLOR` is set. */
export const colors = pc.createColors(wanted());

function wanted(): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR && FORCE_COLOR !== "0") return true;
  return process.stderr.isTTY === true && TERM !== "dumb";
}

/** Says on standard error what the reader may not expect. */
export function note(text: string): void {
  process.stderr.write(`${colors.yellow("note:")} ${text}\n`);
}
