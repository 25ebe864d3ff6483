/**
 * `npm start`: builds what the command line needs, quietly, then runs it on the sample model.
 *
 * `npm start -- --prompt "It was"` adds flags; `npm start -- inspect --model DIR` runs another command.
 */

import { spawn, spawnSync } from "node:child_process";
import { argv, execPath, exit, stderr } from "node:process";
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

stderr.write("Building what is not built yet ... ");
const build = spawnSync(execPath, [here("turbo.js"), "run", "build", "--filter=./apps/sample-generate"], {
  cwd: root,
  encoding: "utf8",
});
if (build.status !== 0) {
  stderr.write(`failed.\n${build.stdout}${build.stderr}`);
  exit(build.status ?? 1);
}
stderr.write("done.\n");

const child = spawn(execPath, [app, ...withDefaults(argv.slice(2))], { cwd: root, stdio: "inherit" });
// Ctrl-C reaches the app by itself; this process waits for the app's own end.
process.on("SIGINT", () => {});
child.on("exit", (code) => exit(code ?? 1));
