/**
 * `npm start`: builds what the command line needs, quietly, then runs it on the sample model.
 *
 * `npm start -- --prompt "It was"` adds flags; `npm start -- inspect --model DIR` runs another command.
 */

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { arch, argv, execPath, exit, platform, stderr } from "node:process";
import { fileURLToPath } from "node:url";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const root = here("..");
const app = here("../apps/sample-generate/bin/sample-generate.js");

/** The app's arguments: those given, and the defaults for what they leave out. */
function withDefaults(/** @type {string[]} */ given) {
  if (given[0] !== undefined && !given[0].startsWith("-")) return given;
  const has = (/** @type {string[]} */ ...flags) =>
    given.some((arg) => flags.some((flag) => arg === flag || arg.startsWith(`${flag}=`)));
  const model = has("--model", "--help", "-h") ? [] : ["--model", "models/sample-afmoe"];
  const prompt = has("--prompt", "--prompt-ids", "--chat", "--help", "-h")
    ? []
    : ["--prompt", "<|republic|>The condition of the Treasury"];
  // Greedily, a model of this size goes in circles.
  const sampling = has("--temperature", "--seed", "--help", "-h")
    ? []
    : ["--temperature", "0.5", "--repetition-penalty", "1.1", "--seed", "2"];
  return ["generate", ...model, ...prompt, ...sampling, ...given];
}

// The compiler itself, not turbo's `build`: that also compiles the native engine, for a minute or more, and here the first text
// counts. Without it the sample runs on wasm.
stderr.write("Building what is not built yet ... ");
const gradients = "packages/ops/dist/tfjs-gradients.js";
build(here("../packages/ops/scripts/bundle-gradients.mjs"), existsSync(here(`../${gradients}`)));
build(here("typescript/tsgo.js"), false, "-b", "apps/sample-generate");
stderr.write("done.\n");
if (!existsSync(here(`../packages/native/platforms/${platform}-${arch}/mixtape.node`)))
  stderr.write("The native engine is not built: `npm run build` compiles it where there is a C++ compiler.\n");

function build(/** @type {string} */ script, /** @type {boolean} */ isBuilt, /** @type {string[]} */ ...args) {
  if (isBuilt) return;
  const { status, stdout, stderr: errors } = spawnSync(execPath, [script, ...args], { cwd: root, encoding: "utf8" });
  if (status === 0) return;
  stderr.write(`failed.\n${stdout}${errors}`);
  exit(status ?? 1);
}

const child = spawn(execPath, [app, ...withDefaults(argv.slice(2))], { cwd: root, stdio: "inherit" });
// Ctrl-C reaches the app by itself; this process waits for the app's own end.
process.on("SIGINT", () => {});
child.on("exit", (code) => exit(code ?? 1));
