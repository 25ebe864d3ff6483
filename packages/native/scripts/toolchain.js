// The C++ compiler for a platform, and the sources and headers that go into it.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, posix, sep } from "node:path";
import { env } from "node:process";
import { fileURLToPath } from "node:url";
import { HERE, PLATFORMS } from "./platforms.js";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CPP = join(ROOT, "cpp");

/** The commands that may be a compiler for a platform, the first choice first. `CXX` counts for this machine's own. */
export function compilersFor(name) {
  const own = name === HERE ? [env.CXX, "c++", "g++", "clang++"] : [];
  return [...own, ...PLATFORMS[name].crossCompilers].filter(Boolean);
}

/** @returns the first of them that is here, or undefined */
export function findCompiler(name) {
  return compilersFor(name).find((command) => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0);
}

/**
 * The sources of a platform with the flags of each.
 * @param {{ flags: string[], folders: string[] }} options further flags, and the folders of cpp/ that are meant; `.` is cpp itself
 */
export function sourcesOf(name, { flags = [], folders }) {
  const platform = PLATFORMS[name];
  const all = [...platform.flags, ...flags, ...includes()];
  return readdirSync(CPP, { recursive: true })
    .map((file) => String(file).replaceAll(sep, "/"))
    .filter((file) => file.endsWith(".cc") && folders.includes(posix.dirname(file)))
    .filter((file) => posix.dirname(file) !== "isa" || file in platform.flagsOf)
    .sort()
    .map((file) => ({ path: join(CPP, file), flags: [...all, ...(platform.flagsOf[file] ?? [])] }));
}

/** Headers of Node-API, which come from the registry: no download of Node's own. */
function includes() {
  const require = createRequire(import.meta.url);
  const { include_dir: api } = require("node-api-headers");
  const { include_dir: wrapper } = require("node-addon-api");
  return [CPP, wrapper, api].map((folder) => `-I${folder}`);
}
