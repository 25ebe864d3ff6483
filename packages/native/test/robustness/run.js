/**
 * Calls every function of the addon with right and with spoilt arguments: `node run.js <calls per function> <seed>`.
 *
 * Right arguments must be taken; spoilt ones must be taken or refused with a NativeError, and no call may write beside its
 * arrays. Whoever starts this sees whether the process survived; the file that `MIXTAPE_ROBUSTNESS_LOG` names tells what was
 * being called.
 */

import { mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, env } from "node:process";
import fc from "fast-check";
// Built, not from `src`: this runs in plain Node.
import { addon as load } from "../../dist/addon.js";
import { NativeError } from "../../dist/index.js";
import { MUTATIONS, SENTINEL } from "./mutations.js";
import { SIGNATURES } from "./signatures.js";
import { World } from "./world.js";

const numRuns = Number(argv[2]);
const seed = Number(argv[3]);
const addon = load();
const functions = /** @type {Record<string, (...args: unknown[]) => unknown>} */ (/** @type {unknown} */ (addon));
const makeError = (/** @type {string} */ where, /** @type {string} */ expected, /** @type {string} */ got) =>
  new NativeError({ where, expected, got });
const log = env.MIXTAPE_ROBUSTNESS_LOG ? openSync(env.MIXTAPE_ROBUSTNESS_LOG, "w") : undefined;

const unknown = Object.keys(functions).filter((name) => !(name in SIGNATURES));
if (unknown.length > 0)
  throw new Error(`no right arguments are known for ${unknown.join(", ")}: add them to signatures.js`);

const mutation = fc.record({ kind: fc.constantFrom(...Object.keys(MUTATIONS)), index: fc.nat(23) });
const folder = mkdtempSync(join(tmpdir(), "mixtape-robustness-"));
let refused = 0;

for (const name of Object.keys(functions)) {
  fc.assert(
    fc.property(fc.integer(), fc.array(mutation, { maxLength: 3 }), (start, mutations) => {
      const world = new World(addon, folder, start);
      try {
        call(name, world, mutations);
      } finally {
        addon.onError(makeError);
      }
      if (!world.isIntact) throw new Error(`${name} wrote beside an array`);
    }),
    { numRuns, seed },
  );
}
rmSync(folder, { recursive: true });
console.log(`${Object.keys(functions).length} functions, ${numRuns} calls each, ${refused} refused`);

/**
 * @param {string} name
 * @param {World} world
 * @param {{ kind: string, index: number }[]} mutations
 */
function call(name, world, mutations) {
  if (log !== undefined) writeSync(log, `${name} ${JSON.stringify(mutations)}`.padEnd(400), 0);
  const args = SIGNATURES[name]?.(world) ?? [];
  try {
    for (const { kind, index } of mutations) MUTATIONS[kind]?.(world, args, args.length > 0 ? index % args.length : 0);
    const made = functions[name]?.(...args);
    // Wrong arguments are found out later, or never by a graph that this process does not wait for.
    if (made instanceof Promise)
      made.catch((error) => {
        if (!(error instanceof NativeError) && error !== SENTINEL) throw error;
      });
    // What it took, it must be able to do.
    if (name === "createGraph")
      addon.replayGraph(
        /** @type {import("../../src/addon/handles.js").NativeCapturedGraph} */ (made),
        new Int32Array(1),
      );
  } catch (error) {
    if (mutations.length === 0) throw error;
    // A factory of errors that was itself spoilt makes anything.
    if (!(error instanceof NativeError) && error !== SENTINEL && name !== "onError") throw error;
    refused++;
  }
}
