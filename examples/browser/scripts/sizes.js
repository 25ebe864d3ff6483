/** Sizes of the page's files. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/**
 * Prints the size of every file of a folder, uncompressed and as a server sends it.
 * @param {string} folder
 */
export function printSizes(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  for (const name of names.filter((path) => statSync(join(folder, path)).isFile())) {
    const content = readFileSync(join(folder, name));
    console.log(`${name.padEnd(42)}${kibibytes(content.length)} KiB${kibibytes(gzipSync(content).length)} KiB gzipped`);
  }
}

/** @param {number} bytes */
function kibibytes(bytes) {
  return (bytes / 1024).toFixed(1).padStart(8);
}
