/** Text files written by users: chats, chat templates, lists of adapters. */

import { addAbortSignal, type Readable } from "node:stream";
import { MixtapeError, parseJson } from "@mixtape/errors";
import { InputError, InterruptedError } from "./failure.js";
import { bytes } from "./format.js";
import type { Interrupt } from "./interrupt.js";
import { MAX_SMALL, readInput } from "./read-file.js";

/** Options of {@link readInputText}. */
export interface ReadTextOptions {
  /** Description of the expected file, for errors. */
  readonly expected: string;
}

/**
 * Reads a file in UTF-8, without a byte order mark, which editors of Windows write. Files of a checkpoint are not read
 * like this: the reference refuses a mark there.
 * @throws {InputError}
 */
export function readInputText(path: string, options: ReadTextOptions): string {
  return decoded(readInput(path, options), path, options);
}

/**
 * Reads standard input to its end.
 * @throws {InputError} if it is too long, or not UTF-8
 * @throws {InterruptedError} on Ctrl-C
 */
export async function readStandardInput(
  options: ReadTextOptions,
  interrupt: Interrupt,
  stream: Readable = process.stdin,
): Promise<string> {
  const where = "standard input";
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of addAbortSignal(interrupt.signal, stream)) {
      parts.push(chunk as Uint8Array);
      size += (chunk as Uint8Array).length;
      if (size > MAX_SMALL)
        throw new InputError({ where, expected: options.expected, got: `more than ${bytes(MAX_SMALL)}` });
    }
  } catch (error) {
    throw interrupt.came ? new InterruptedError() : error;
  }
  return decoded(Buffer.concat(parts), where, options);
}

/**
 * Parses JSON.
 * @param parse parses it, and throws if it is invalid
 * @throws {InputError}
 */
export function parseInput(
  text: string,
  where: string,
  { expected, parse = parseJson }: ReadTextOptions & { readonly parse?: (text: string) => unknown },
): unknown {
  try {
    return parse(text);
  } catch (cause) {
    const fault =
      cause instanceof MixtapeError ? `${cause.got} where there should be ${cause.expected}` : (cause as Error).message;
    const got = `no JSON (${fault.replace(/\s+/g, " ")})`;
    throw new InputError({ where, expected, got, cause });
  }
}

/** Reads the text of a chat template. @throws {InputError} if it is not a template */
export function readChatTemplate(path: string): string {
  const expected = "a chat template in Jinja, such as a chat_template.jinja";
  const text = readInputText(path, { expected });
  if (/\{[{%#]/.test(text)) return text;
  throw new InputError({
    where: path,
    expected,
    got: text.trim() === "" ? "an empty file" : "a text without {{ or {%",
  });
}

function decoded(content: Uint8Array, where: string, { expected }: ReadTextOptions): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch (cause) {
    throw new InputError({ where, expected, got: "bytes that are not UTF-8", fix: "Save the file in UTF-8", cause });
  }
}
