/** Splitting a text where a pattern matches. */

import type { CharacterTest } from "../unicode/characters.js";
import { unitLength } from "../unicode/utf8.js";
import type { Budget } from "./budget.js";

/** Finds the matches of a pattern: `start, end, start, end …`, in order, without overlaps. */
export type FindMatches = (text: string, budget: Budget) => number[];

/** Treatment of the matches: Python's `SplitDelimiterBehavior`. */
export type SplitBehavior = "Removed" | "Isolated" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous";

export const SPLIT_BEHAVIORS: readonly SplitBehavior[] = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
];

interface Part {
  start: number;
  end: number;
  readonly isMatch: boolean;
}

/**
 * Returns the parts of a text, as `start, end, start, end …`. With `invert`, the parts between the matches count as the
 * matches.
 */
export function splitSpans(
  text: string,
  matches: readonly number[],
  behavior: SplitBehavior,
  invert = false,
): number[] {
  const parts = partsOf(text, matches, invert);
  switch (behavior) {
    case "Isolated":
      return flat(parts);
    case "Removed":
      return flat(parts.filter(({ isMatch }) => !isMatch));
    case "Contiguous":
      return flat(merge(parts, (part, before) => part.isMatch === before));
    case "MergedWithPrevious":
      return flat(merge(parts, (part, before) => part.isMatch && !before));
    case "MergedWithNext":
      return flat(mergeWithNext(parts));
  }
}

/** Matches single characters. */
export function matchCharacters(test: CharacterTest): FindMatches {
  return (text) => {
    const matches: number[] = [];
    for (let at = 0; at < text.length; ) {
      const length = unitLength(text, at);
      if (test(text.codePointAt(at) as number)) matches.push(at, at + length);
      at += length;
    }
    return matches;
  };
}

/** Matches a fixed text. An empty one matches between all characters, as a regular expression does. */
export function matchString(needle: string): FindMatches {
  return (text) => {
    const matches: number[] = [];
    let at = text.indexOf(needle);
    while (at !== -1) {
      matches.push(at, at + needle.length);
      if (at >= text.length) break;
      at = text.indexOf(needle, at + (needle.length || unitLength(text, at)));
    }
    return matches;
  };
}

function partsOf(text: string, matches: readonly number[], invert: boolean): Part[] {
  const parts: Part[] = [];
  let last = 0;
  for (let i = 0; i < matches.length; i += 2) {
    const start = matches[i] as number;
    const end = matches[i + 1] as number;
    if (start > last) parts.push({ start: last, end: start, isMatch: invert });
    parts.push({ start, end, isMatch: !invert });
    last = end;
  }
  if (last < text.length) parts.push({ start: last, end: text.length, isMatch: invert });
  return parts;
}

/** Merges a part into the previous one if `joins` returns true. */
function merge(parts: readonly Part[], joins: (part: Part, before: boolean) => boolean): Part[] {
  const merged: Part[] = [];
  let before = false;
  for (const part of parts) {
    const last = merged.at(-1);
    if (last && joins(part, before)) last.end = part.end;
    else merged.push({ ...part });
    before = part.isMatch;
  }
  return merged;
}

function mergeWithNext(parts: readonly Part[]): Part[] {
  const merged: Part[] = [];
  let after = false;
  for (const part of parts.toReversed()) {
    const next = merged.at(-1);
    if (next && part.isMatch && !after) next.start = part.start;
    else merged.push({ ...part });
    after = part.isMatch;
  }
  return merged.reverse();
}

function flat(parts: readonly Part[]): number[] {
  const spans: number[] = [];
  for (const { start, end } of parts) spans.push(start, end);
  return spans;
}
