import { plural, whole } from "@mixtape/command-line";
import type { Truncation } from "@mixtape/training";

/** Describes the effect of `--max-length`. */
export function aboutTruncation({ examples, tokens, labels, emptied }: Truncation, maxLength: number): string {
  const cut = `--max-length ${maxLength} cuts ${whole(tokens)} tokens off ${plural(examples, "text")}, ${whole(labels)} of them labelled`;
  if (emptied === 0) return cut;
  return `${cut}; ${plural(emptied, "text")} without remaining labels ${emptied === 1 ? "is" : "are"} skipped`;
}
