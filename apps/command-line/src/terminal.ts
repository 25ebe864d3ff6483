/**
 * Makes all output safe for a terminal. {@link guardTerminal} wraps the program's streams, so that no output can move
 * the cursor, change settings or reorder text: names and texts come from files.
 */

import { randomUUID } from "node:crypto";
import { safeText } from "@mixtape/errors";

type Write = typeof process.stderr.write;

/** Marks the start of an escape sequence of the program itself. No file can contain it. */
const OWN_ESCAPE = `\u{10fffd}${randomUUID()}`;

/** The streams' own methods, after they are wrapped. */
const unguarded = new Map<NodeJS.WriteStream, Write>();

/** Makes standard error safe, and standard output if it is a terminal: a pipe receives generated text byte for byte. */
export function guardTerminal(): void {
  guard(process.stderr, safeText);
  guard(process.stdout, process.stdout.isTTY ? safeText : (text) => text);
}

/** Marks the escape sequences of a text as the program's own, which a wrapped stream passes through. */
export function styled(text: string): string {
  return unguarded.size > 0 ? text.replaceAll("\x1b[", OWN_ESCAPE) : text;
}

/**
 * Returns standard error for a progress bar, which moves the cursor. The bar shows only numbers and titles of the
 * program.
 */
export function barStream(): NodeJS.WriteStream {
  const write = unguarded.get(process.stderr) ?? process.stderr.write.bind(process.stderr);
  const through = (chunk: string): boolean => write(withEscapes(chunk));
  return Object.create(process.stderr, { write: { value: through } }) as NodeJS.WriteStream;
}

function guard(stream: NodeJS.WriteStream, safe: (text: string) => string): void {
  if (unguarded.has(stream)) return;
  const write = stream.write.bind(stream) as Write;
  unguarded.set(stream, write);
  const guarded = (chunk: string | Uint8Array, ...rest: [never]): boolean => {
    // Bytes are data for a pipe; on a terminal they are text like any other.
    if (typeof chunk !== "string" && safe !== safeText) return write(chunk, ...rest);
    const text = typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
    return write(withEscapes(safe(text)), ...rest);
  };
  stream.write = guarded as Write;
}

function withEscapes(text: string): string {
  return text.replaceAll(OWN_ESCAPE, "\x1b[");
}
