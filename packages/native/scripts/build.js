// Compiles cpp/ to dist/native/<platform>/mixtape.node with the C++ compiler that is here: `node scripts/build.js [platform]`.
// Only what changed is compiled again. Where there is no compiler, it says so and leaves the rest of the build alone.

import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { argv, env, exit, pid } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { HERE, PLATFORMS } from "./platforms.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CPP = join(ROOT, "cpp");
const run = promisify(execFile);

const name = argv[2] ?? HERE;
const platform = PLATFORMS[name];
if (!platform) {
  console.log(
    argv[2]
      ? `native: expected a platform of ${Object.keys(PLATFORMS).join(", ")}; got ${name}`
      : `native: ${name} has no build; other engines serve it.`,
  );
  exit(argv[2] ? 1 : 0);
}

const compiler = findCompiler();
if (!compiler) {
  console.log(
    `native: no C++ compiler for ${name} (tried ${compilers().join(", ")}); other engines serve this machine.`,
  );
  exit(argv[2] ? 1 : 0);
}
await build().catch((error) => {
  console.error(`native: ${error.stderr || error.message}`);
  exit(1);
});

async function build() {
  const out = join(ROOT, "dist", "native", name);
  mkdirSync(out, { recursive: true });
  const flags = [...platform.flags, ...includes()];
  const jobs = sources().map((source) => ({
    source,
    object: join(out, `${source.replaceAll(/[\\/]/g, "-")}.o`),
    command: [...flags, ...(platform.flagsOf[source] ?? []), "-MMD", "-c", join(CPP, source)],
  }));
  const stale = jobs.filter((job) => !isFresh(job));
  const queue = [...stale];
  const worker = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) await compile(job);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  const binary = join(out, "mixtape.node");
  if (stale.length === 0 && existsSync(binary)) return;
  // Renamed into place: a process that has the old one loaded keeps it.
  const partial = `${binary}.${pid}`;
  await run(compiler, [...jobs.map(({ object }) => object), "-o", partial, ...platform.linkFlags]);
  renameSync(partial, binary);
}

async function compile({ object, command }) {
  const partial = `${object}.${pid}`;
  const dependencies = `${object}.d`;
  await run(compiler, [...command, "-MF", `${dependencies}.${pid}`, "-o", partial]).catch((error) => {
    rmSync(partial, { force: true });
    throw error;
  });
  renameSync(`${dependencies}.${pid}`, dependencies);
  writeFileSync(`${object}.command`, [compiler, ...command].join(" "));
  renameSync(partial, object);
}

/** Whether an object is newer than all that it was made from, by the same command. */
function isFresh({ object, command }) {
  if (![object, `${object}.d`, `${object}.command`].every(existsSync)) return false;
  if (readFileSync(`${object}.command`, "utf8") !== [compiler, ...command].join(" ")) return false;
  const made = statSync(object).mtimeMs;
  const [, list = ""] = readFileSync(`${object}.d`, "utf8")
    .replaceAll("\\\n", " ")
    .split(/: (.*)/s);
  const files = list.split(/(?<!\\)\s+/).filter(Boolean);
  return files.every((file) => existsSync(file) && statSync(file).mtimeMs <= made);
}

function sources() {
  return readdirSync(CPP, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".cc") && !file.startsWith("test"))
    .filter((file) => dirname(file) !== "isa" || file in platform.flagsOf)
    .sort();
}

/** Headers of Node-API, which come from the registry: no download of Node's own. */
function includes() {
  const require = createRequire(import.meta.url);
  const { include_dir: api } = require("node-api-headers");
  const { include_dir: wrapper } = require("node-addon-api");
  return [CPP, wrapper, api].map((folder) => `-I${folder}`);
}

function compilers() {
  return name === HERE ? [env.CXX, "c++", "g++", "clang++"].filter(Boolean) : [platform.crossCompiler].filter(Boolean);
}

function findCompiler() {
  return compilers().find((command) => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0);
}
