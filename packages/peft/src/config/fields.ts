/** The fields that the configs of all kinds of adapters share. */

import { bool, int, listOf, number, optional, string } from "@mixtape/config";
import * as z from "zod";

/** The largest rank. A matrix of that rank is whole in all but the very largest layers. */
export const MAX_RANK = 65_536;

/** The largest number of experts in a mixture of LoRAs. */
export const MAX_EXPERTS = 4_096;

/** Target modules: ends of module names, a regular expression for whole names, or `"all-linear"`. */
export type Targets = string | readonly string[];

const targets = () => {
  const what = 'a list of names, a regular expression or "all-linear"';
  const ticked = z
    .record(z.string(), z.boolean())
    .transform((ticks) => Object.keys(ticks).filter((name) => ticks[name]));
  return z.union([z.string(), listOf(string(), "names"), ticked], { error: what });
};

/** The fields that adapters of all kinds have. */
export interface AdapterFields {
  /** Rank of the updates. */
  readonly r: number;
  /** LoRA alpha: the update is scaled by α/r. */
  readonly loraAlpha: number;
  /** Probability that an input of the update is dropped in training. */
  readonly loraDropout: number;
  /** Target modules: ends of module names, a regular expression for whole names, or `"all-linear"`. */
  readonly targetModules?: Targets;
  /** Modules that are no targets, given as targets are. */
  readonly excludeModules?: Targets;
  /** Scales by α/√r in place of α/r (Kalajdzievski 2023, https://arxiv.org/abs/2312.03732). */
  readonly useRslora: boolean;
}

/** A flag that null turns off, as in Python. */
export const offUnlessTrue = () =>
  bool()
    .nullish()
    .transform((value) => value ?? false);

export const low = {
  r: int({ max: MAX_RANK }).default(8),
  loraAlpha: number().default(8),
  loraDropout: number({ min: 0, below: 1 }).default(0),
  targetModules: optional(targets()),
  excludeModules: optional(targets()),
  useRslora: offUnlessTrue(),
};
