import type { DecoderConfig } from "@mixtape/config";
import { describe } from "vitest";
import { onEachEngine } from "../engines.js";
import { matchesGoldens } from "./goldens.js";
import type { Family } from "./subject.js";

export interface ConformanceOptions {
  /** The folder of golden checkpoints in `__fixtures__/models`, such as `afmoe`. */
  readonly goldens?: string;
}

/** Declares the tests that every family and every variant passes, on each engine. */
export function conformance<C extends DecoderConfig>(Model: Family<C>, { goldens }: ConformanceOptions): void {
  onEachEngine(() => {
    if (goldens !== undefined) describe("computes what the reference computed", () => matchesGoldens(Model, goldens));
  });
}
