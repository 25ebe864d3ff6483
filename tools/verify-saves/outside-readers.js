// Reads a folder over and over, as a program that knows nothing of this project, while it is saved.

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { outsideView } from "./versions.js";

const SAVER = fileURLToPath(new URL("saver.js", import.meta.url));

export async function outsideReaders(parent, saves, progress) {
  const folder = join(parent, "outside");
  mkdirSync(folder);
  const child = fork(SAVER, [folder, "1", String(saves)], { stdio: "ignore" });
  const counts = { reads: 0, alike: 0, apart: 0, gone: 0, broken: 0 };
  let begun = 0;
  child.on("message", (version) => {
    begun = version;
    progress("saves under outside readers", begun, saves);
  });
  const ended = once(child, "exit");
  let running = true;
  ended.then(() => {
    running = false;
  });
  while (running) {
    await new Promise((resolve) => setImmediate(resolve));
    if (begun < 2) continue;
    counts.reads++;
    counts[look(folder)]++;
  }
  const { reads, alike, apart, gone, broken } = counts;
  const share = (count) => `${count} (${((100 * count) / reads).toFixed(2)} %)`;
  return [
    {
      what: `other programs read while ${saves} saves replace one another`,
      tries: reads,
      good: reads - broken,
      seen: `one version: ${share(alike)}; weights and config of two versions: ${share(apart)}; a file gone between two looks, to be read again: ${share(gone)}; a file that is torn: ${broken}`,
    },
  ];
}

function look(folder) {
  try {
    const { config, weights } = outsideView(folder);
    return new Set([config, ...weights]).size === 1 ? "alike" : "apart";
  } catch (error) {
    return error.code === "ENOENT" ? "gone" : "broken";
  }
}
