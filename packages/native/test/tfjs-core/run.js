/**
 * Runs the test-suite that tfjs-core publishes on a backend: `node test/tfjs-core/run.js [native|cpu] [--filter TEXT]`.
 *
 * Exit code 0 says that no spec failed and that as many ran as the suite has. `--filter` runs the specs whose names contain
 * a text, to look at a failure; their number is not held against anything then.
 */

import { mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { env, version_core } from "@tensorflow/tfjs-core";
import { buildSync } from "esbuild";

/**
 * How many specs tfjs-core has for a backend, those that it leaves out itself (`xit`) apart: fewer mean a broken bundle.
 * `cpu` has two more, about two cpu backends at once.
 */
const SPECS = { version: "4.22.0", native: 4225, cpu: 4227, leftOut: 5 };

/** The suite with a function that loads it: it declares its tests for the environments that are set at that time. */
const ENTRY = `
  import "@tensorflow/tfjs-core/dist/register_all_gradients";
  import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops";
  export { setTestEnvs } from "@tensorflow/tfjs-core/dist/jasmine_util";
  export const declare = () => require("@tensorflow/tfjs-core/dist/tests");
`;

/**
 * @typedef {{ message: string, stack?: string }} Expectation
 * @typedef {{ status: string, fullName: string, failedExpectations: Expectation[] }} Result
 * @typedef {{ overallStatus: string, incompleteReason?: string, failedExpectations: Expectation[], totalTime: number }} Verdict
 */

const require = createRequire(import.meta.url);
const home = fileURLToPath(new URL("../..", import.meta.url));

const { values, positionals } = parseArgs({ options: { filter: { type: "string" } }, allowPositionals: true });
const [backend = "native"] = positionals;
if (backend !== "native" && backend !== "cpu") throw new Error(`expected native or cpu, got ${backend}`);

env().set("PROD", true);
const description = await prepare();
const jasmine = require("jasmine-core").boot();
declareSpecs();
process.exitCode = (await runSpecs()) ? 0 : 1;

/** Registers the backend. @returns {Promise<string>} what it is */
async function prepare() {
  if (backend === "cpu") return `tfjs-backend-cpu ${(await import("@tensorflow/tfjs-backend-cpu")).version_cpu}`;
  const { registerNative } = await import("@mixtape/native");
  const { isa, threads } = registerNative();
  return `native, ${isa}, ${threads} threads`;
}

/**
 * Bundles and loads the suite. It cannot be imported as it lies: it is ESM with CommonJS in it and without file extensions.
 * `ignoreAnnotations`: the package says that its tests have no side effects, and a bundler would leave out nearly all.
 */
function declareSpecs() {
  // Below this package, where the bundle finds jasmine-core.
  const folder = `${home}node_modules/.tfjs-core`;
  const outfile = `${folder}/suite-${process.pid}.cjs`;
  mkdirSync(folder, { recursive: true });
  buildSync({
    stdin: { contents: ENTRY, resolveDir: home },
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    mainFields: ["module", "main"],
    ignoreAnnotations: true,
    external: ["jasmine-core"],
    logLevel: "warning",
  });
  try {
    const { setTestEnvs, declare } = require(outfile);
    setTestEnvs([{ name: backend, backendName: backend, isDataSync: true }]);
    declare();
  } finally {
    rmSync(outfile);
  }
}

/** @returns {Promise<boolean>} whether all is well */
async function runSpecs() {
  const filter = values.filter;
  /** @type {Record<string, number>} */
  const counts = { passed: 0, failed: 0, pending: 0, excluded: 0 };
  /** @param {Result} result */
  const tell = ({ fullName, failedExpectations }) => {
    for (const failure of failedExpectations) print(`\nFAILED ${fullName}\n${shown(failure)}`);
  };
  const jasmineEnv = jasmine.getEnv();
  // As tfjs runs it: some specs rely on those before them.
  jasmineEnv.configure({
    random: false,
    ...(filter && {
      specFilter: (/** @type {{ getFullName(): string }} */ spec) => spec.getFullName().includes(filter),
    }),
  });
  jasmineEnv.addReporter({
    specDone: (/** @type {Result} */ result) => {
      counts[result.status] = (counts[result.status] ?? 0) + 1;
      tell(result);
    },
    suiteDone: tell,
  });
  // The suite logs profiles and warnings; what matters is told here.
  for (const method of /** @type {const} */ (["log", "warn", "info"])) console[method] = () => {};

  /** @type {Verdict} */
  const { overallStatus, incompleteReason, failedExpectations, totalTime } = await jasmineEnv.execute();
  tell({ status: overallStatus, fullName: "outside of all specs", failedExpectations });
  const { passed = 0, failed = 0, pending = 0, ...others } = counts;
  const left = Object.values({ ...others, pending }).reduce((sum, n) => sum + n, 0);
  print(
    `tfjs-core ${version_core} on ${description}: ${passed} specs passed, ${failed} failed, ${left} left out, ` +
      `in ${(totalTime / 1000).toFixed(1)} s`,
  );
  if (overallStatus !== "passed") print(`jasmine: ${overallStatus} ${incompleteReason ?? ""}`);
  if (filter) return overallStatus === "passed" && passed > 0;
  const wanted = SPECS[/** @type {"native" | "cpu"} */ (backend)];
  const complete = version_core === SPECS.version && passed + failed === wanted && left === SPECS.leftOut;
  if (!complete)
    print(
      `expected ${wanted} specs of tfjs-core ${SPECS.version} and ${SPECS.leftOut} left out: see ${basename(import.meta.url)}`,
    );
  return overallStatus === "passed" && complete;
}

/** @param {Expectation} failure @returns {string} the message, and where in the suite, not in jasmine, it was thrown */
function shown({ message, stack = "" }) {
  const frames = stack.split("\n").filter((line) => /^\s*at /.test(line) && !line.includes("jasmine-core"));
  return [message, ...frames.slice(0, 6)].join("\n");
}

/** @param {string} line */
function print(line) {
  process.stdout.write(`${line}\n`);
}
