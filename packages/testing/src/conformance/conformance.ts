import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { DecoderConfig } from "@mixtape/config";
import type { ForCausalLM } from "@mixtape/decoder";
import { afterAll, beforeAll, describe } from "vitest";
import { onEachEngine, testEngines } from "../engines.js";
import { fixture } from "../fixtures.js";
import { cachesAndPads, capturesGraphs } from "./caching.js";
import { savesAndLoads } from "./checkpoints.js";
import { matchesGoldens } from "./goldens.js";
import { hasGradients } from "./gradients.js";
import { takesAndGives } from "./inputs.js";
import { leavesNothing } from "./memory.js";
import { refuses } from "./refusals.js";
import { type Family, freshSubject, goldenSubjects, oneOfEachKind } from "./subject.js";
import { matchesGoldenGradients, trains } from "./training.js";

/** Models that a family is tested with. */
export type ConformanceOptions<C extends DecoderConfig> =
  | {
      /** A folder of golden checkpoints: a path, or in the repository a name in `__fixtures__/models`, such as `afmoe`. */
      readonly goldens: string;
      /** Minimum number of checkpoints. Default: 1. */
      readonly atLeast?: number;
      readonly config?: never;
    }
  /** A small config, for a variant that has no reference: its weights are random. */
  | { readonly config: C; readonly goldens?: never; readonly atLeast?: never };

/**
 * Declares the tests that every family and every variant passes, on each engine: outputs match the reference; caches,
 * padding, input forms and strategies do not change them; saving and loading are lossless; every parameter has its
 * gradient; nothing leaks; and bad input is refused with a message that names it.
 *
 * `cpu` runs the code that `wasm` runs, on TensorFlow.js's own kernels, which take several times as long. Beside `wasm`, each
 * checkpoint's numbers are compared with the reference there too, and the other rules are checked on one model of each kind.
 */
export function conformance<C extends DecoderConfig>(Model: Family<C>, options: ConformanceOptions<C>): void {
  const folder = options.goldens === undefined ? undefined : folderOf(options.goldens);
  const subjects = options.config ? [freshSubject(Model, options.config)] : goldenSubjects(Model, folder!);

  const kinds = oneOfEachKind(subjects);
  // Tests that do not depend on the numbers need one model.
  const subject = subjects[0]!;

  onEachEngine((engine) => {
    const isBrief = engine === "cpu" && testEngines().includes("wasm");
    const tested = isBrief ? kinds : subjects;
    const only = isBrief ? kinds.map(({ name }) => name) : undefined;

    if (folder !== undefined) {
      describe("computes what the reference computed", () =>
        matchesGoldens(Model, folder, { fewest: options.atLeast ?? 1, engine, greedyOf: only }));
      describe("has the gradients of the reference", () => matchesGoldenGradients(Model, folder, only));
    }

    describe.each(tested)("agrees with itself: $name", (tested) => {
      let model: ForCausalLM<C>;
      beforeAll(async () => {
        model = await tested.create();
      });
      afterAll(() => model.dispose());
      cachesAndPads(() => model);
      if (kinds.includes(tested)) capturesGraphs(() => model);
      takesAndGives(() => model);
    });

    describe("saves and loads", () => savesAndLoads(Model, subject));
    // Where there is a reference, all gradients are compared with its own.
    if (folder === undefined) describe("has gradients", () => hasGradients(subject));
    describe("trains", () => trains(subject));
    describe("leaves nothing behind", () => leavesNothing(subject));
    describe("refuses", () => refuses(Model, subject));
  });
}

function folderOf(goldens: string): string {
  const own = resolve(fixture("models"), goldens);
  return existsSync(own) ? own : resolve(goldens);
}
