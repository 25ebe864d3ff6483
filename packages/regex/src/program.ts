/** The instructions that a matcher runs. */

import type { CharSet } from "./char-set.js";
import type { Position } from "./syntax-tree.js";

/**
 * A *cell* numbers the instructions whose outcome a matcher memoises at each position. A *level* counts the enclosing
 * repetitions whose body can match the empty text: the state includes how many of them have advanced since their
 * iteration began.
 */
export type Instruction =
  | { readonly op: "set"; readonly set: CharSet; readonly level: number }
  | { readonly op: "setBehind"; readonly set: CharSet; readonly level: number }
  /** Matches as many characters of a set as possible; gives them back one by one unless only the end follows. */
  | { readonly op: "run"; readonly set: CharSet; readonly level: number; readonly cell: number; isLast: boolean }
  | { readonly op: "split"; first: number; second: number; readonly cell: number }
  /** Memoises the outcome of what follows, which several paths reach. */
  | { readonly op: "join"; readonly cell: number }
  | { readonly op: "jump"; to: number }
  /** Begins an iteration of a repetition at a level. */
  | { readonly op: "enter"; readonly level: number }
  /** Ends an iteration: if it did not advance, the repetition is left. */
  | { readonly op: "again"; readonly level: number; to: number; readonly isLazy: boolean; readonly cell: number }
  | { readonly op: "position"; readonly at: Position; readonly word: CharSet | undefined }
  /** Tests whether the instructions after it match here, up to their `accept`; continues at `to`. */
  | { readonly op: "look"; readonly negative: boolean; to: number }
  /** Takes the first match of the instructions after it, and continues at `to`. */
  | { readonly op: "atomic"; readonly level: number; to: number }
  /** End of a part that `look` or `atomic` runs. */
  | { readonly op: "accept" }
  | { readonly op: "end" };

/** A compiled pattern. */
export interface Program {
  readonly instructions: readonly Instruction[];
  /** Number of cells. */
  readonly cells: number;
  /** One more than the deepest level. */
  readonly levels: number;
  /** Characters that a match begins with; undefined if it can begin with anything or be empty. */
  readonly first: CharSet | undefined;
  /** Whether it reads text before a position. */
  readonly looksBehind: boolean;
}
