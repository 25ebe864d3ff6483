/**
 * Builds tfjs-node's native module from source, against the libtensorflow of a Python wheel. tfjs-node's own install script
 * downloads both from outside the package registries, and its libtensorflow is of 2022.
 *
 * Each step leaves its result in the cache folder, whole or not at all, and is skipped when that is there.
 */

import { existsSync, readdirSync } from "node:fs";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { mustRun } from "./run.js";

const TENSORFLOW = "2.21.0";
const TFJS_NODE = "4.22.0";
/** Library that tfjs-node's build looks for. It links any library under the names without a version. */
const EXPECTED_LIBRARY = "libtensorflow.so.2.9.1";

// biome-ignore lint/suspicious/noUndeclaredEnvVars: no turbo task runs this
const PYTHON = process.env.PYTHON ?? "python3";

/**
 * @param {string} cache the cache folder
 * @returns {Promise<string>} the folder of a tfjs-node package that loads
 */
export async function buildBinding(cache) {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error(`expected Linux on x64, whose wheel has libtensorflow, got ${process.platform} on ${process.arch}`);
  }
  await mkdir(cache, { recursive: true });
  const library = await step(join(cache, `libtensorflow-${TENSORFLOW}`), `libtensorflow ${TENSORFLOW}`, getLibrary);
  const project = await step(join(cache, `tfjs-node-${TFJS_NODE}`), `tfjs-node ${TFJS_NODE}`, getPackage);
  const folder = join(project, "node_modules", "@tensorflow", "tfjs-node");
  await build(folder, library, project);
  return folder;
}

/**
 * Creates a folder under a temporary name and moves it into place when it is complete.
 *
 * @param {string} folder
 * @param {string} what
 * @param {(folder: string) => Promise<void>} make
 * @returns {Promise<string>} the folder
 */
export async function step(folder, what, make) {
  if (existsSync(folder)) {
    console.log(`- ${what}: in the cache`);
    return folder;
  }
  console.log(`- ${what}: getting it`);
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished);
  await make(unfinished);
  await rename(unfinished, folder);
  return folder;
}

/**
 * Creates an npm project with packages, without running their scripts.
 *
 * @param {string} folder
 * @param {Record<string, string>} dependencies
 */
export async function installPackages(folder, dependencies) {
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, dependencies }));
  await mustRun("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
}

/** @param {string} folder */
async function getLibrary(folder) {
  const wheel = join(folder, "wheel");
  // The library does not depend on the Python version; the wheel's name does.
  const platform = ["--only-binary=:all:", "--platform=manylinux_2_27_x86_64", "--python-version=3.11"];
  await mustRun(PYTHON, [
    "-m",
    "pip",
    "download",
    "--no-deps",
    ...platform,
    "-d",
    wheel,
    `tensorflow-cpu==${TENSORFLOW}`,
  ]);
  const [name = ""] = readdirSync(wheel);
  console.log(`  unpacking ${name}`);
  await mustRun(PYTHON, [fileURLToPath(new URL("extract.py", import.meta.url)), join(wheel, name), folder]);
  await rm(wheel, { recursive: true });
}

/** @param {string} folder */
function getPackage(folder) {
  return installPackages(folder, { "@tensorflow/tfjs-node": TFJS_NODE });
}

/**
 * @param {string} folder the tfjs-node package
 * @param {string} library
 * @param {string} project
 */
async function build(folder, library, project) {
  if (builtModule(folder)) {
    console.log("- native module: in the cache");
    return;
  }
  console.log("- native module: building it");
  const headers = process.env.npm_config_nodedir ?? join(dirname(process.execPath), "..");
  if (!existsSync(join(headers, "include", "node", "node_api.h"))) {
    throw new Error(
      `no Node headers under ${headers}; set npm_config_nodedir to a folder with include/node/node_api.h`,
    );
  }
  const deps = join(folder, "deps");
  await rm(deps, { recursive: true, force: true });
  await mkdir(join(deps, "lib"), { recursive: true });
  await symlink(relative(deps, join(library, "include")), join(deps, "include"));
  for (const [name, target] of [
    ["libtensorflow_cc.so.2", "libtensorflow_cc.so.2"],
    ["libtensorflow_framework.so.2", "libtensorflow_framework.so.2"],
    ["libtensorflow.so", "libtensorflow_cc.so.2"],
    ["libtensorflow_framework.so", "libtensorflow_framework.so.2"],
    [EXPECTED_LIBRARY, "libtensorflow_cc.so.2"],
  ]) {
    await symlink(relative(join(deps, "lib"), join(library, "lib", String(target))), join(deps, "lib", String(name)));
  }
  // Prevents a download: naming a library makes the script build from source.
  await writeFile(join(folder, "scripts", "custom-binary.json"), JSON.stringify({ "tf-lib": "unused" }));
  await mustRun(process.execPath, ["scripts/install.js"], {
    cwd: folder,
    env: {
      npm_config_nodedir: headers,
      PATH: [join(project, "node_modules", ".bin"), process.env.PATH].join(delimiter),
    },
  });
  if (!builtModule(folder)) throw new Error(`the build left no native module in ${join(folder, "lib")}`);
}

/** @param {string} folder */
function builtModule(folder) {
  const lib = join(folder, "lib");
  return existsSync(lib) && readdirSync(lib).some((version) => existsSync(join(lib, version, "tfjs_binding.node")));
}
