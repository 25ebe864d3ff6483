// A training run that is killed at random moments and resumed until it ends: it ends with the numbers of one that was let alone.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const TRAIN = here("../../apps/sample-train/bin/sample-train.js");
const MODEL = here("../../models/sample-afmoe");
const STEPS = 40;

export async function killedRuns(parent, tries, progress) {
  const data = join(parent, "texts.txt");
  writeFileSync(data, "The condition of the Treasury is sound, and the receipts exceed what was expected. ".repeat(60));
  const flags = `--model ${MODEL} --data ${data} --steps ${STEPS} --save-every 2 --method lora --rank 2 --max-length 16`;
  const rest = "--batch-size 1 --seed 3 --engine wasm --json";
  const args = (output) => [TRAIN, ...`${flags} ${rest}`.split(" "), "--output", output];
  const alone = join(parent, "alone");
  const { status, stderr } = spawnSync(process.execPath, args(alone), { encoding: "utf8" });
  if (status !== 0) throw new Error(`sample-train failed: ${stderr}`);

  let kills = 0;
  let runs = 0;
  let equal = 0;
  while (kills < tries) {
    const output = join(parent, `run-${runs++}`);
    for (let ended = false; !ended; ) {
      const resumes = existsSync(join(output, "checkpoint")) ? ["--resume"] : existsSync(output) ? ["--overwrite"] : [];
      const child = spawn(process.execPath, [...args(output), ...resumes], { stdio: ["ignore", "ignore", "pipe"] });
      let errors = "";
      child.stderr.on("data", (text) => {
        errors += text;
      });
      const timer = kills < tries ? setTimeout(() => child.kill("SIGKILL"), 500 + Math.random() * 4000) : undefined;
      const [code, signal] = await once(child, "close");
      clearTimeout(timer);
      if (signal === "SIGKILL") progress("runs killed", ++kills, tries);
      else if (code !== 0) throw new Error(`sample-train ended with ${code}: ${errors}`);
      else ended = true;
    }
    if (same(alone, output)) equal++;
  }
  return [
    {
      what: `a run of ${STEPS} steps is killed, and resumed until it ends (${kills} kills)`,
      tries: runs,
      good: equal,
      seen: "adapter and losses are those of a run that was let alone, bit for bit",
    },
  ];
}

function same(one, other) {
  const losses = (folder) =>
    readFileSync(join(folder, "metrics.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).loss);
  const adapter = (folder) => readFileSync(join(folder, "adapter_model.safetensors"));
  return adapter(one).equals(adapter(other)) && JSON.stringify(losses(one)) === JSON.stringify(losses(other));
}
