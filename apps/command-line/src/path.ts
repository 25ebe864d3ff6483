/** Formats paths for messages. */

import { relative, resolve } from "node:path";

/** Returns a path relative to the current folder, if it is below it. */
export function near(path: string): string {
  const way = relative("", path);
  return way === "" || way.startsWith("..") ? resolve(path) : way;
}

/** Whether a path names a GGUF file. */
export function isGguf(path: string): boolean {
  return /\.gguf$/i.test(path);
}

/** Returns a word of a command to copy: in quotes if a shell would interpret it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
