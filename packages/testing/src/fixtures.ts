import { fileURLToPath } from "node:url";

const FIXTURES = new URL("../__fixtures__/", import.meta.url);

/**
 * Returns the path of a golden file or folder, such as `rope.json` or `models/afmoe/basic`. They are in the repository, not in the
 * published package.
 */
export function fixture(path: string): string {
  return fileURLToPath(new URL(path, FIXTURES));
}
