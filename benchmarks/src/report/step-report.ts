/** Tables of a decode step's kernels. */

import type { Entry } from "../race.js";
import { number, percent, table } from "./format.js";
import { kernelBound, sharesOf, total } from "./step.js";

export function stepReport(entries: readonly Entry[]): string {
  const profiles = entries.map(({ name, profile }) => ({ name: `\`${name}\``, ...profile! }));
  const { context, moeLayers, expertsPerToken } = profiles[0]!;
  const bound = kernelBound(expertsPerToken);
  const facts: [string, (profile: (typeof profiles)[number]) => string][] = [
    ["kernels in a step", ({ kernels }) => `${total(kernels)}`],
    [`kernels in a MoE layer, at most (bound ${bound})`, ({ moeLayer }) => `${total(moeLayer)}`],
    [`kernels in its MoE block alone (bound ${bound})`, ({ moeBlock }) => `${total(moeBlock)}`],
    ["read-backs in a step", ({ readBacks }) => `${readBacks.total}`],
    ["read-backs in a layer, at most (bound 1)", ({ readBacks }) => `${readBacks.mostInALayer}`],
    [
      "copies out of the engine by its own kernels in a layer, at most",
      ({ readBacks }) => `${readBacks.mostInKernelsOfALayer}`,
    ],
    ["time of a step of generated text, ms", ({ generatedMs }) => number(generatedMs)],
    ["time of a step whose kernels JavaScript runs, ms", ({ stepMs }) => number(stepMs)],
    ["in matrix products", (profile) => percent(sharesOf(profile).products)],
    ["in other kernels", (profile) => percent(sharesOf(profile).otherKernels)],
    ["outside of kernels", (profile) => percent(sharesOf(profile).outside)],
  ];
  const names = [...new Set(profiles.flatMap(({ kernels }) => Object.keys(kernels)))].sort();
  const head = ["", ...profiles.map(({ name }) => name)];
  const cell = (profile: (typeof profiles)[number], name: string): string => {
    const count = profile.kernels[name];
    return count ? `${count} (${number(1000 * profile.kernelMs[name]!)})` : "";
  };
  return `
A decode step after ${context} tokens. The bound on kernels is 30 + 8·k for each of the ${moeLayers} MoE layers, k = ${expertsPerToken}:

${table(
  head,
  facts.map(([fact, of]) => [fact, ...profiles.map(of)]),
)}

Its kernels by name, how many, and in parentheses the microseconds that all of them take:

${table(
  head,
  names.map((name) => [name, ...profiles.map((profile) => cell(profile, name))]),
)}
`;
}
