// Two processes that save into one folder: each save is complete, and the second is refused with the name of the first.

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { versionOf } from "./versions.js";

const SAVER = fileURLToPath(new URL("saver.js", import.meta.url));

export async function racingWriters(parent, tries, progress) {
  let good = 0;
  let refused = 0;
  for (let race = 1; race <= tries; race++) {
    const folder = join(parent, `race-${race}`);
    mkdirSync(folder);
    const ends = await Promise.all([writer(folder, 1, 12), writer(folder, 101, 112)]);
    const lost = ends.filter(({ code }) => code === 3);
    refused += lost.length;
    const named = lost.every(({ text }) => /expected exclusive access, got process \d+/.test(text));
    const version = await versionOf(folder);
    const clean = readdirSync(folder).every((name) => !name.startsWith("."));
    if (lost.length < 2 && named && version > 0 && clean) good++;
    progress("writers raced", race, tries);
  }
  return [
    {
      what: "two processes save into one folder at once",
      tries,
      good,
      seen: `the folder is whole; in ${refused} the second was refused with the first one's name, else they took turns`,
    },
  ];
}

async function writer(folder, first, last) {
  const child = fork(SAVER, [folder, String(first), String(last)], { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  let text = "";
  child.stdout.on("data", (data) => {
    text += data;
  });
  const [code] = await once(child, "close");
  return { code, text };
}
