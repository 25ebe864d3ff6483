/**
 * `npm run train:sample`: teaches the sample model, by LoRA, a register of text that it does not know, and shows what it writes
 * before and after. `--output FOLDER` keeps the run elsewhere; `--steps N` makes it shorter.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv, execPath, exit } from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readProfiles } from "./profiles.js";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const MODEL = here("../../../models/sample-afmoe");
/** Of all countries, one in so many is held out. */
const HELD_OUT_EVERY = 10;
/** One that is. */
const PROMPT = "Malta\nLocation:";

const { values } = parseArgs({
  args: argv.slice(2).filter((arg) => arg !== "--"),
  options: {
    output: { type: "string", default: here("../.cache/train-sample") },
    steps: { type: "string", default: "100" },
  },
});
const output = join(values.output, "adapter");
rmSync(output, { recursive: true, force: true });
mkdirSync(values.output, { recursive: true });

const profiles = readProfiles();
const files = {
  train: profiles.filter((_, i) => i % HELD_OUT_EVERY !== 0),
  "held-out": profiles.filter((_, i) => i % HELD_OUT_EVERY === 0),
};
for (const [name, texts] of Object.entries(files))
  writeFileSync(
    join(values.output, `${name}.jsonl`),
    texts.map((text) => `${JSON.stringify({ text: `<|endoftext|>${text}` })}\n`).join(""),
  );
console.log(`${files.train.length} profiles of countries to learn, ${files["held-out"].length} held out`);

console.log("\nBefore:\n");
generate();
console.log("\nTraining:\n");
run("../bin/sample-train.js", [
  ...["--model", MODEL, "--output", output, "--steps", values.steps],
  ...["--data", join(values.output, "train.jsonl"), "--eval", join(values.output, "held-out.jsonl")],
  ...["--method", "lora", "--rank", "16", "--batch-size", "4", "--learning-rate", "4e-3", "--pack"],
]);
console.log("\nAfter:\n");
generate("--adapter", output);

/** @param {string[]} flags */
function generate(...flags) {
  const sampling = ["--max-new-tokens", "100", "--temperature", "0.3", "--repetition-penalty", "1.1", "--seed", "1"];
  const prompt = ["--prompt", `<|endoftext|>${PROMPT}`];
  run("../../sample-generate/bin/sample-generate.js", ["generate", "--model", MODEL, ...prompt, ...sampling, ...flags]);
}

/**
 * @param {string} app
 * @param {string[]} args
 */
function run(app, args) {
  const { status } = spawnSync(execPath, [here(app), ...args], { stdio: "inherit" });
  if (status !== 0) exit(status ?? 1);
}
