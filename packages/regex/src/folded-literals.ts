import type { CaseFolding } from "./case-folding.js";
import { setOf } from "./case-folding.js";
import { choice, type Node, sequence } from "./syntax-tree.js";

/** Longest text that one character folds to, in characters. */
const LONGEST = 3;
/** Length in characters up to which overlapping expansions are explored; beyond it, the first alternative is taken. */
const WINDOW = 8;

/**
 * Matches literal characters under full case folding, where one character may equal several: `ß` matches `ss`, and `ss`
 * matches `ß`.
 */
export function foldedLiterals(codes: readonly number[], folding: CaseFolding): Node {
  const folded = codes.flatMap((code) => [...folding.fold(code)]);
  const nodes: Node[] = [];
  for (let start = 0; start < folded.length; ) {
    const end = clusterEnd(folded, start, folding);
    nodes.push(ways(folded.slice(start, end), folding));
    start = end;
  }
  return sequence(nodes);
}

/** Returns the end of the characters that some character's folding spans together with the first. */
function clusterEnd(folded: readonly string[], start: number, folding: CaseFolding): number {
  let end = start + 1;
  for (let i = start; i < end && end - start < WINDOW; i++)
    for (let length = 2; length <= LONGEST; length++)
      if (folding.unfold(folded.slice(i, i + length).join("")).length > 0)
        end = Math.max(end, Math.min(i + length, folded.length));
  return end;
}

/** Returns all ways to match folded characters: each by itself, or several by one character that folds to them. */
function ways(folded: readonly string[], folding: CaseFolding): Node {
  if (folded.length === 0) return sequence([]);
  const first = folding.character(folded[0]!.codePointAt(0)!);
  const rest = folded.length > 1 ? [ways(folded.slice(1), folding)] : [];
  const nodes: Node[] = [sequence([{ kind: "set", set: first }, ...rest])];
  for (let length = 2; length <= Math.min(LONGEST, folded.length); length++) {
    const codes = folding.unfold(folded.slice(0, length).join(""));
    if (codes.length === 0) continue;
    const after = folded.length > length ? [ways(folded.slice(length), folding)] : [];
    nodes.push(sequence([{ kind: "set", set: setOf(codes) }, ...after]));
  }
  return choice(nodes);
}
