// Runs a C++ compiler over sources: only what changed since the last time is compiled, and nothing is left half written.

import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { pid } from "node:process";
import { promisify } from "node:util";

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
    object: join(objects, `${path.replaceAll(/[\\/:]/g, "-")}.o`),
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
  const dependencies = `${object}.d`;
  // What is edited while the compiler reads it counts as newer.
  const begun = new Date();
  await execute([...command, "-MF", `${dependencies}.${pid}`, "-o", partial], partial);
  renameSync(`${dependencies}.${pid}`, dependencies);
  writeFileSync(`${object}.command`, command.join(" "));
  utimesSync(partial, begun, begun);
  renameSync(partial, object);
}

async function execute([compiler, ...args], partial) {
  const { stderr } = await run(compiler, args).catch((error) => {
    rmSync(partial, { force: true });
    throw error;
  });
  if (stderr) process.stderr.write(stderr);
}

/** Whether an object is newer than all that it was made from, by the same command. */
function isFresh({ object, command }) {
  if (![object, `${object}.d`, `${object}.command`].every(existsSync)) return false;
  if (readFileSync(`${object}.command`, "utf8") !== command.join(" ")) return false;
  const made = statSync(object).mtimeMs;
  const [, list = ""] = readFileSync(`${object}.d`, "utf8")
    .replaceAll(/\\\r?\n/g, " ")
    .split(/: (.*)/s);
  const files = list.split(/(?<!\\)\s+/).filter(Boolean);
  return files.every((file) => existsSync(file) && statSync(file).mtimeMs <= made);
}

function isLinked(binary, record, link, jobs) {
  if (!existsSync(binary) || !existsSync(record) || readFileSync(record, "utf8") !== link.join(" ")) return false;
  const made = statSync(binary).mtimeMs;
  return jobs.every(({ object }) => statSync(object).mtimeMs <= made);
}
