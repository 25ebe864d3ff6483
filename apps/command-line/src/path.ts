/** Paths, as messages write them. */

import { relative, resolve } from "node:path";

/** A path as it is reached from here, where it lies below. */
export function near(path: string): string {
  const way = relative("", path);
  return way === "" || way.startsWith("..") ? resolve(path) : way;
}

/** A word of a command to copy: in quotes where a shell would read it as something else. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
