import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { NewError } from "./new-error.js";

/** Files of a workspace to read, write and edit; everything is checked before anything is written. */
export class WorkspaceFiles {
  /** @type {Map<string, string>} */
  #written = new Map();

  /** @param {string} root */
  constructor(root) {
    this.root = root;
  }

  /** @param {string} path */
  read(path) {
    const written = this.#written.get(path);
    if (written !== undefined) return written;
    if (!existsSync(join(this.root, path))) throw new NewError(path, "a file", "none");
    return readFileSync(join(this.root, path), "utf8");
  }

  /**
   * Adds a new file.
   * @param {string} path
   * @param {string} text
   */
  add(path, text) {
    if (existsSync(join(this.root, path))) throw new NewError(path, "no such file yet", "one that is there");
    this.#written.set(path, text);
  }

  /**
   * Replaces the matches of a pattern, which must exist.
   * @param {string} path
   * @param {RegExp} pattern
   * @param {string} replacement
   */
  edit(path, pattern, replacement) {
    const text = this.read(path);
    if (text.search(pattern) < 0) throw new NewError(path, `a place like ${pattern}`, "none");
    this.#written.set(path, text.replace(pattern, replacement));
  }

  /**
   * Changes a JSON file.
   * @param {string} path
   * @param {(json: any) => void} change
   */
  editJson(path, change) {
    const json = JSON.parse(this.read(path));
    change(json);
    this.#written.set(path, `${JSON.stringify(json, null, 2)}\n`);
  }

  /** Writes everything. @returns the paths */
  write() {
    for (const [path, text] of this.#written) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true });
      writeFileSync(join(this.root, path), text);
    }
    return [...this.#written.keys()];
  }
}
