// Two training runs that begin in one folder at once: one of them runs, the other is refused with the reason.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { isSameRun, trainingRun } from "./training-run.js";

export async function racingRuns(parent, tries, progress) {
  const alone = join(parent, "race-alone");
  const { status, stderr } = spawnSync(process.execPath, trainingRun(parent, alone), { encoding: "utf8" });
  if (status !== 0) throw new Error(`sample-train failed: ${stderr}`);

  let good = 0;
  let named = 0;
  for (let race = 1; race <= tries; race++) {
    const output = join(parent, `runs-${race}`);
    const ends = await Promise.all([run(parent, output), run(parent, output)]);
    const refused = ends.filter(({ code }) => code === 1);
    const isNamed = refused.some(({ errors }) => /expected exclusive access, got process \d+/.test(errors));
    if (isNamed) named++;
    if (ends.some(({ code }) => code === 0) && refused.length === 1 && isNamed && isSameRun(alone, output)) good++;
    progress("runs raced", race, tries);
  }
  return [
    {
      what: "two training runs begin in one --output at once",
      tries,
      good,
      seen: `one runs to its end as if it were alone, the other is refused with the first one's name (${named})`,
    },
  ];
}

async function run(parent, output) {
  const child = spawn(process.execPath, trainingRun(parent, output), { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (data) => {
    errors += data;
  });
  const [code] = await once(child, "close");
  return { code, errors };
}
