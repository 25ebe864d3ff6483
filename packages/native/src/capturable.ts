import type { NativeCapturedGraph } from "./addon/handles.js";
import type { Addon } from "./addon.js";

/** Functions of the addon whose calls a graph can replay. */
const NAMES = [
  "linear",
  "matMul",
  "gatedMlp",
  "experts",
  "projectHeads",
  "rmsNorm",
  "rotary",
  "gate",
  "embedding",
  "chooseExperts",
  "topKIndices",
  "takeAlongAxis",
  "binary",
  "unary",
  "sumRows",
  "maxRows",
  "sumColumns",
  "softmax",
  "stridedCopy",
  "gather",
  "segmentSum",
  "appendKeyValues",
  "attention",
  "gatedDeltaRule",
  "causalConvolution",
] as const satisfies readonly (keyof Addon)[];

export const CAPTURABLE: ReadonlySet<string> = new Set(NAMES);

export type AnyFunction = (...args: unknown[]) => unknown;

/** Returns the addon with `wrap(name, call)` in place of each function. */
export function wrapAddon(addon: Addon, wrap: (name: string, call: AnyFunction) => AnyFunction): Addon {
  const functions = Object.entries(addon as unknown as Readonly<Record<string, AnyFunction>>);
  return Object.fromEntries(functions.map(([name, call]) => [name, wrap(name, call)])) as unknown as Addon;
}

/** Call of a function of the addon. */
export interface AddonCall {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** Creates a graph of calls. */
export function graphOf(addon: Addon, calls: readonly AddonCall[]): NativeCapturedGraph {
  return addon.createGraph(
    calls.map(({ name }) => name),
    calls.map(({ args }) => args),
  );
}
