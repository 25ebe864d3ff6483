// Reads a folder repeatedly, as a program that knows nothing of this project, while it is saved.

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { configVersion, outsideView } from "./versions.js";

const SAVER = fileURLToPath(new URL("saver.js", import.meta.url));

export async function outsideReaders(parent, saves, progress) {
  const folder = join(parent, "outside");
  mkdirSync(folder);
  const child = fork(SAVER, [folder, "1", String(saves)], { stdio: "ignore" });
  const counts = { reads: 0, alike: 0, apart: 0, between: 0, gone: 0, broken: 0 };
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
  let milliseconds = 0;
  let apartMilliseconds = 0;
  while (running) {
    await new Promise((resolve) => setImmediate(resolve));
    if (begun < 2) continue;
    const before = performance.now();
    const seen = look(folder);
    const took = performance.now() - before;
    counts.reads++;
    counts[seen]++;
    milliseconds += took;
    if (seen === "apart") apartMilliseconds += took;
  }
  const { reads, alike, apart, between, gone, broken } = counts;
  const share = (count) => `${count} (${((100 * count) / reads).toFixed(2)} %)`;
  const long = (sum) => `${(sum / saves).toFixed(1)} ms`;
  return [
    {
      what: `other programs read while ${saves} saves replace one another without a pause`,
      tries: reads,
      good: reads - broken,
      seen: [
        `one version: ${share(alike)}`,
        `new weights beside the old config.json in the folder: ${share(apart)}, about ${long(apartMilliseconds)} of the ${long(milliseconds)} of each save`,
        `the config of one version, then the weights of the next, since the save came between the two reads: ${share(between)}`,
        `a file gone between two looks, to be read again: ${share(gone)}`,
        `a file that is torn: ${broken}`,
      ].join("; "),
    },
  ];
}

/** Reads the config before and after the weights: if it changed, the reader was slower than the save. */
function look(folder) {
  try {
    const { config, weights } = outsideView(folder);
    if (new Set([config, ...weights]).size === 1) return "alike";
    return configVersion(folder) === config ? "apart" : "between";
  } catch (error) {
    return error.code === "ENOENT" ? "gone" : "broken";
  }
}
