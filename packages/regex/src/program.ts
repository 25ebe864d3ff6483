/** The instructions that a matcher runs. */

import type { CharSet } from "./char-set.js";
import type { Position } from "./syntax-tree.js";

/**
 * A *cell* numbers the instructions whose outcome a matcher remembers at each position. A *level* counts the repetitions around an
 * instruction whose body can match the empty text: how many of them have moved on since their iteration began is part of the state.
 */
export type Instruction =
  | { readonly op: "set"; readonly set: CharSet; readonly level: number }
  | { readonly op: "setBehind"; readonly set: CharSet; readonly level: number }
  /** As many characters of a set as there are; gives back one by one unless nothing but the end follows. */
  | { readonly op: "run"; readonly set: CharSet; readonly level: number; readonly cell: number; isLast: boolean }
  | { readonly op: "split"; first: number; second: number; readonly cell: number }
  /** Remembers the outcome of what follows, which several ways lead to. */
  | { readonly op: "join"; readonly cell: number }
  | { readonly op: "jump"; to: number }
  /** Begins an iteration of a repetition at a level. */
  | { readonly op: "enter"; readonly level: number }
  /** Ends one: without a move the repetition is left. */
  | { readonly op: "again"; readonly level: number; to: number; readonly isLazy: boolean; readonly cell: number }
  | { readonly op: "position"; readonly at: Position; readonly word: CharSet | undefined }
  /** Asks whether the instructions behind it match here, up to their `accept`; goes on at `to`. */
  | { readonly op: "look"; readonly negative: boolean; to: number }
  /** Takes the first match of the instructions behind it, and goes on at `to`. */
  | { readonly op: "atomic"; readonly level: number; to: number }
  /** The end of a part that `look` or `atomic` asks for. */
  | { readonly op: "accept" }
  | { readonly op: "end" };

/** A compiled pattern. */
export interface Program {
  readonly instructions: readonly Instruction[];
  /** The number of cells. */
  readonly cells: number;
  /** One more than the deepest level. */
  readonly levels: number;
  /** What a match has to begin with; undefined where that may be nothing. */
  readonly first: CharSet | undefined;
  /** Whether it asks for what is before a position. */
  readonly looksBehind: boolean;
}
