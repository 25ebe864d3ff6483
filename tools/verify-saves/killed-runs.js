// A training run that is killed at random moments and resumed until it ends: its result equals that of an uninterrupted
// run.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isSameRun, STEPS, trainingRun } from "./training-run.js";

export async function killedRuns(parent, tries, progress) {
  const alone = join(parent, "alone");
  const begin = performance.now();
  const { status, stderr } = spawnSync(process.execPath, trainingRun(parent, alone), { encoding: "utf8" });
  if (status !== 0) throw new Error(`sample-train failed: ${stderr}`);
  const duration = performance.now() - begin;

  let kills = 0;
  let runs = 0;
  let equal = 0;
  while (kills < tries) {
    const output = join(parent, `run-${runs++}`);
    for (let ended = false; !ended; ) {
      const again = existsSync(join(output, "checkpoint")) ? ["--resume"] : existsSync(output) ? ["--restart"] : [];
      const child = spawn(process.execPath, [...trainingRun(parent, output), ...again], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      let errors = "";
      child.stderr.on("data", (text) => {
        errors += text;
      });
      // Anywhere from before the first step until after the end.
      const timer = kills < tries ? setTimeout(() => child.kill("SIGKILL"), duration * 1.2 * Math.random()) : undefined;
      const [code, signal] = await once(child, "close");
      clearTimeout(timer);
      if (signal === "SIGKILL") progress("runs killed", ++kills, tries);
      else if (code !== 0) throw new Error(`sample-train ended with ${code}: ${errors}`);
      else ended = true;
    }
    if (isSameRun(alone, output)) equal++;
  }
  return [
    {
      what: `runs of ${STEPS} steps, saved every second step, are killed and resumed until they end (${kills} kills)`,
      tries: runs,
      good: equal,
      seen: "adapter and losses are those of a run that was let alone, bit for bit",
    },
  ];
}
