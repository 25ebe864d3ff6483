/** Finding a Chromium on this machine. */

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const COMMANDS = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge"];
const PLACES = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
];

/**
 * Returns the path of a browser: from the environment variable CHROMIUM, or an installed one.
 * @throws {Error} explaining how to get one
 */
export function findChromium() {
  const { CHROMIUM, PATH = "" } = process.env;
  if (CHROMIUM) {
    if (existsSync(CHROMIUM)) return CHROMIUM;
    throw new Error(`CHROMIUM names ${CHROMIUM}, and there is no such file`);
  }
  const commands = PATH.split(delimiter).flatMap((folder) => COMMANDS.map((command) => join(folder, command)));
  const found = [...commands, ...PLACES].find((path) => existsSync(path));
  if (found) return found;
  throw new Error(
    "expected a Chromium, got none. On Debian and Ubuntu: apt-get install chromium. One that lies elsewhere: CHROMIUM=/path/to/it",
  );
}
