// Runs a C++ compiler over sources: only what changed since the last time is compiled, and nothing is left half written.

import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { pid } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The package. Records name files from here, so that a copy of it elsewhere has nothing to compile. */
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const REPOSITORY = resolve(ROOT, "../..");

const run = promisify(execFile);

/** Progress is printed after each that many sources. */
const PROGRESS_INTERVAL = 10;

/**
 * Compiles sources and links them.
 * @param {{ compiler: string, sources: { path: string, flags: string[] }[], objects: string, binary: string,
 *   linkFlags: string[] }} program `objects` is the folder for what lies between
 */
export async function compileProgram({ compiler, sources, objects, binary, linkFlags }) {
  mkdirSync(objects, { recursive: true });
  mkdirSync(dirname(binary), { recursive: true });
  const own = correctingFlags(compiler);
  const jobs = sources.map(({ path, flags }) => ({
    object: join(objects, `${relative(ROOT, path).replaceAll(/[\\/:]/g, "-")}.o`),
    command: [compiler, ...flags, ...own, "-MMD", "-c", path],
  }));
  const queue = jobs.filter((job) => !isFresh(job));
  const all = queue.length;
  if (all > 0) console.log(`native: compiling ${all} C++ sources; all take some minutes on two cores`);
  let done = 0;
  const worker = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      await compile(job);
      done++;
      if (done % PROGRESS_INTERVAL === 0 && done < all) console.log(`native: ${done} of ${all}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  const link = [compiler, ...jobs.map(({ object }) => object), ...linkFlags];
  const record = join(objects, "link.command");
  if (isLinked(binary, record, link, jobs)) return;
  // Renamed into place: a process that has the old one loaded keeps it.
  const partial = `${binary}.${pid}`;
  await execute([...link, "-o", partial], partial);
  writeFileSync(record, link.join(" "));
  renameSync(partial, binary);
}

/** Flags without which a compiler makes wrong code: GCC 12 drops calls whose effects its modref pass does not see. */
function correctingFlags(compiler) {
  const flag = "-fno-ipa-modref";
  const { status } = spawnSync(compiler, ["-Werror", flag, "-E", "-x", "c++", "-"], {
    input: "",
    stdio: ["pipe", "ignore", "ignore"],
  });
  return status === 0 ? [flag] : [];
}

async function compile({ object, command }) {
  const partial = `${object}.${pid}`;
  const dependencies = `${object}.d.${pid}`;
  const begun = Date.now();
  await execute([...command, "-MF", dependencies, "-o", partial], partial);
  const files = filesIn(readFileSync(dependencies, "utf8"));
  rmSync(dependencies);
  renameSync(partial, object);
  // What was edited while the compiler read it is compiled again.
  if (files.some((file) => statSync(file).mtimeMs > begun)) return rmSync(recordOf(object), { force: true });
  const names = files.map((file) => relative(ROOT, file));
  writeFileSync(recordOf(object), JSON.stringify({ key: keyOf(command, names), names }));
}

/** The files of a make rule, without those of the system. */
function filesIn(rule) {
  const [, list = ""] = rule.replaceAll(/\\\r?\n/g, " ").split(/: (.*)/s);
  return list
    .split(/(?<!\\)\s+/)
    .filter(Boolean)
    .map((file) => resolve(file.replaceAll(/\\([ #\\])/g, "$1").replaceAll("$$", "$")));
}

const recordOf = (object) => `${object}.json`;

/** Hash of a command, and of the contents of files: git, copies and caches change their times. */
function keyOf(command, names) {
  const hash = createHash("sha256").update(command.join("\n").replaceAll(REPOSITORY, ""));
  for (const name of names) hash.update(`\n${name}\n`).update(contentOf(join(ROOT, name)));
  return hash.digest("hex");
}

const contents = new Map();
function contentOf(file) {
  if (!contents.has(file)) contents.set(file, existsSync(file) ? readFileSync(file) : "");
  return contents.get(file);
}

async function execute([compiler, ...args], partial) {
  const { stderr } = await run(compiler, args).catch((error) => {
    rmSync(partial, { force: true });
    throw error;
  });
  if (stderr) process.stderr.write(stderr);
}

/** Whether an object was made by the same command from the same files. */
function isFresh({ object, command }) {
  if (!existsSync(object) || !existsSync(recordOf(object))) return false;
  const { key, names } = JSON.parse(readFileSync(recordOf(object), "utf8"));
  return keyOf(command, names) === key;
}

function isLinked(binary, record, link, jobs) {
  if (!existsSync(binary) || !existsSync(record) || readFileSync(record, "utf8") !== link.join(" ")) return false;
  const made = statSync(binary).mtimeMs;
  return jobs.every(({ object }) => statSync(object).mtimeMs <= made);
}
