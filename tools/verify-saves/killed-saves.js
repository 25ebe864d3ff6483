// Saves killed at random moments: the folder holds the last version or the one before, complete.

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { outsideView, versionOf } from "./versions.js";

const SAVER = fileURLToPath(new URL("saver.js", import.meta.url));

export async function killedSaves(parent, tries, progress) {
  const folder = join(parent, "killed-saves");
  mkdirSync(folder);
  let last = 0;
  let whole = 0;
  let finished = 0;
  let alike = 0;
  let duration = 30; // of a save, in milliseconds: kills fall anywhere in it
  for (let kill = 1; kill <= tries; kill++) {
    const child = fork(SAVER, [folder, String(last + 1), "1000000"], { stdio: "ignore" });
    let begun = last;
    const wanted = last + 1 + (kill % 3) + (last === 0 ? 1 : 0);
    await new Promise((resolve) => {
      let before = Number.NaN;
      child.on("message", (version) => {
        const now = performance.now();
        if (begun === version - 1 && !Number.isNaN(before)) duration = now - before;
        before = now;
        begun = version;
        if (begun >= wanted) resolve();
      });
    });
    await new Promise((resolve) => setTimeout(resolve, Math.random() * duration));
    child.kill("SIGKILL");
    await once(child, "exit");
    // As a program that ignores journals sees it; then as our readers see it.
    if (isAlike(folder)) alike++;
    const version = await versionOf(folder);
    if (version >= begun - 1) whole++;
    if (version >= begun) finished++;
    last = version;
    progress("saves killed", kill, tries);
  }
  return [
    {
      what: "a save is killed; our readers",
      tries,
      good: whole,
      seen: `whole: in ${finished} the new version, in ${tries - finished} the one before`,
    },
    {
      what: "the same, read by other programs",
      tries,
      good: tries,
      seen: `one version in ${alike}; in ${tries - alike} new weights beside the old config.json, until the next reader or save of ours`,
    },
  ];
}

function isAlike(folder) {
  const { config, weights } = outsideView(folder);
  if (new Set(weights).size !== 1) throw new Error(`weights of versions ${[...new Set(weights)]}`);
  return weights[0] === config;
}
