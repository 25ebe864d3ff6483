// A short training run, as a separate command.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const TRAIN = here("../../apps/sample-train/bin/sample-train.js");
const MODEL = here("../../models/sample-afmoe");

export const STEPS = 40;

/** Returns the arguments of `node` that run it. */
export function trainingRun(parent, output) {
  const data = join(parent, "texts.txt");
  writeFileSync(data, "The condition of the Treasury is sound, and the receipts exceed what was expected. ".repeat(60));
  const flags = `--steps ${STEPS} --save-every 2 --method lora --rank 2 --max-length 16 --batch-size 1 --seed 3 --engine wasm`;
  return [TRAIN, "--model", MODEL, "--data", data, "--output", output, "--json", ...flags.split(" ")];
}

/** Whether two runs have the same weights, bit for bit, and the same losses. */
export function isSameRun(one, other) {
  const losses = (folder) =>
    readFileSync(join(folder, "metrics.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).loss);
  const adapter = (folder) => readFileSync(join(folder, "adapter_model.safetensors"));
  return adapter(one).equals(adapter(other)) && JSON.stringify(losses(one)) === JSON.stringify(losses(other));
}
