/**
 * A backtracking matcher with memoisation: no instruction runs twice at one position, so time grows with pattern times
 * text. Outcomes are memoised inside lookarounds and atomic groups too.
 *
 * J. C. Davis, F. Servant, D. Lee: Using Selective Memoization to Defeat Regular Expression Denial of Service (IEEE S&P
 * 2021).
 * H. Fujinami, I. Hasuo: Efficient Matching with Memoization for Regexes with Look-around and Atomic Grouping (ESOP
 * 2024).
 */

import { GrowingStack } from "./growing-stack.js";
import { FAILED, Memo } from "./memo.js";
import type { Instruction, Program } from "./program.js";
import { StepBudget } from "./step-budget.js";

/** No match. */
export const NONE = -1;

/** Conditions on the end of a match. */
export interface Goal {
  /** Required end; -1 for any. */
  readonly end: number;
  /** Forbidden end; -1 for none. */
  readonly notEnd: number;
}

/** Integers per choice point: instruction, position, level, length of the trail, and start of a run (-1 for no run). */
const CHOICE = 5;
/** Integers per entry of the trail: state, and the first and last position at which it was reached. */
const TRAIL = 3;

/** Matches one text. Its memo is valid for one goal; for another one call {@link forget}. */
export class Matcher {
  readonly #text: string;
  readonly #instructions: readonly Instruction[];
  readonly #levels: number;
  readonly #looksBehind: boolean;
  readonly #memo: Memo;
  readonly #choices = new GrowingStack();
  readonly #trail = new GrowingStack();
  readonly #steps: StepBudget;
  #goal: Goal = { end: -1, notEnd: -1 };

  constructor(program: Program, text: string, steps = new StepBudget()) {
    this.#text = text;
    this.#instructions = program.instructions;
    this.#levels = program.levels;
    this.#looksBehind = program.looksBehind;
    this.#memo = new Memo(program.cells * program.levels);
    this.#steps = steps;
    steps.grant(text.length);
  }

  /**
   * Returns the end of the match that begins at a position; {@link NONE} if there is none.
   * @throws {RegexError} if the match takes too many steps
   */
  match(start: number, goal: Goal): number {
    this.#goal = goal;
    this.#choices.length = 0;
    this.#trail.length = 0;
    return this.#run(0, start);
  }

  /** Clears the memo of a position. */
  forget(position: number): void {
    this.#memo.forget(position);
  }

  /** Frees the memo of positions before one, which only a lookbehind could read. */
  release(position: number): void {
    if (!this.#looksBehind) this.#memo.release(position);
  }

  /** Runs instructions up to their `accept` or `end`. */
  #run(start: number, from: number): number {
    const text = this.#text;
    const instructions = this.#instructions;
    const levels = this.#levels;
    const memo = this.#memo;
    const choices = this.#choices;
    const steps = this.#steps;
    const bottom = choices.length;
    const trailBottom = this.#trail.length;
    let index = start;
    let position = from;
    let level = 0;

    for (;;) {
      if (--steps.left < 0) throw steps.exhausted();
      const instruction = instructions[index]!;
      let failed = false;
      switch (instruction.op) {
        case "set": {
          const code = text.codePointAt(position);
          if (code === undefined || !instruction.set.has(code)) failed = true;
          else {
            position += code > 0xffff ? 2 : 1;
            level = instruction.level;
            index++;
          }
          break;
        }
        case "setBehind": {
          const before = stepBack(text, position);
          if (before < 0 || !instruction.set.has(text.codePointAt(before)!)) failed = true;
          else {
            position = before;
            level = instruction.level;
            index++;
          }
          break;
        }
        case "run": {
          if (instruction.isLast) {
            const end = this.#scan(instruction.set, position);
            if (end > position) level = instruction.level;
            position = end;
            index++;
            break;
          }
          const state = instruction.cell * levels + level;
          const known = memo.get(state, position);
          if (known > 0) return this.#accept(trailBottom, bottom, known - 1);
          if (known === FAILED) {
            failed = true;
            break;
          }
          this.#remember(state, position, position);
          // After its first character the run is in one state at each position, however it got there.
          const moving = instruction.cell * levels + instruction.level;
          const end = this.#scanUntried(instruction.set, position, moving);
          if (end > position) {
            this.#remember(moving, position + 1, end);
            this.#choose(index, end, level, position);
            level = instruction.level;
          }
          position = end;
          index++;
          break;
        }
        case "split": {
          const state = instruction.cell * levels + level;
          const known = memo.get(state, position);
          if (known > 0) return this.#accept(trailBottom, bottom, known - 1);
          if (known === FAILED) {
            failed = true;
            break;
          }
          this.#remember(state, position, position);
          this.#choose(instruction.second, position, level, -1);
          index = instruction.first;
          break;
        }
        case "join": {
          const state = instruction.cell * levels + level;
          const known = memo.get(state, position);
          if (known > 0) return this.#accept(trailBottom, bottom, known - 1);
          if (known === FAILED) failed = true;
          else {
            this.#remember(state, position, position);
            index++;
          }
          break;
        }
        case "jump":
          index = instruction.to;
          break;
        case "enter":
          level = Math.min(level, instruction.level - 1);
          index++;
          break;
        case "again": {
          const moved = level >= instruction.level;
          if (!moved) {
            index++;
            break;
          }
          const state = instruction.cell * levels + level;
          const known = memo.get(state, position);
          if (known > 0) return this.#accept(trailBottom, bottom, known - 1);
          if (known === FAILED) {
            failed = true;
            break;
          }
          this.#remember(state, position, position);
          level = instruction.level - 1;
          const [first, second] = instruction.isLazy ? [index + 1, instruction.to] : [instruction.to, index + 1];
          this.#choose(second, position, level, -1);
          index = first;
          break;
        }
        case "position":
          if (isAt(text, position, instruction)) index++;
          else failed = true;
          break;
        case "look": {
          const matched = this.#run(index + 1, position) !== NONE;
          if (matched === instruction.negative) failed = true;
          else index = instruction.to;
          break;
        }
        case "atomic": {
          const end = this.#run(index + 1, position);
          if (end === NONE) failed = true;
          else {
            if (end > position) level = instruction.level;
            position = end;
            index = instruction.to;
          }
          break;
        }
        case "accept":
          return this.#accept(trailBottom, bottom, position);
        case "end": {
          const { end, notEnd } = this.#goal;
          if ((end === -1 || position === end) && position !== notEnd) return position;
          failed = true;
          break;
        }
      }
      if (!failed) continue;
      if (choices.length === bottom) {
        this.#settle(trailBottom, FAILED);
        return NONE;
      }
      const { items } = choices;
      const top = choices.length - CHOICE;
      index = items[top]!;
      position = items[top + 1]!;
      level = items[top + 2]!;
      this.#settle(items[top + 3]!, FAILED);
      const runStart = items[top + 4]!;
      if (runStart === -1) {
        choices.length = top;
        continue;
      }
      // A run gives back its last character.
      const run = instructions[index] as Extract<Instruction, { op: "run" }>;
      const given = position;
      position = stepBack(text, position);
      this.#shorten(given, position);
      if (position > runStart) {
        items[top + 1] = position;
        level = run.level;
      } else choices.length = top;
      index++;
    }
  }

  /** Completes a part that matched: the states on its path lead to this end, and its choice points are dropped. */
  #accept(trailBottom: number, bottom: number, end: number): number {
    this.#settle(trailBottom, end + 1);
    this.#choices.length = bottom;
    return end;
  }

  #scan(set: { has(code: number): boolean }, from: number): number {
    const text = this.#text;
    let position = from;
    for (;;) {
      const code = text.codePointAt(position);
      if (code === undefined || !set.has(code)) break;
      position += code > 0xffff ? 2 : 1;
    }
    this.#steps.left -= position - from;
    return position;
  }

  /** Scans for a run that backtracks: it stops before positions that are known to fail. */
  #scanUntried(set: { has(code: number): boolean }, from: number, state: number): number {
    const text = this.#text;
    const memo = this.#memo;
    let position = from;
    for (;;) {
      const code = text.codePointAt(position);
      if (code === undefined || !set.has(code)) break;
      const next = position + (code > 0xffff ? 2 : 1);
      if (memo.get(state, next) === FAILED) break;
      position = next;
    }
    this.#steps.left -= position - from;
    return position;
  }

  #choose(index: number, position: number, level: number, runStart: number): void {
    const choices = this.#choices;
    choices.reserve(CHOICE);
    const { items, length } = choices;
    items[length] = index;
    items[length + 1] = position;
    items[length + 2] = level;
    items[length + 3] = this.#trail.length;
    items[length + 4] = runStart;
    choices.length += CHOICE;
  }

  #remember(state: number, first: number, last: number): void {
    const trail = this.#trail;
    trail.reserve(TRAIL);
    const { items, length } = trail;
    items[length] = state;
    items[length + 1] = first;
    items[length + 2] = last;
    trail.length += TRAIL;
  }

  /** Marks the end of the run at the top of the trail as failed, and moves it one character back. */
  #shorten(given: number, end: number): void {
    const { items, length } = this.#trail;
    this.#memo.set(items[length - TRAIL]!, given, FAILED);
    items[length - 1] = end;
  }

  /** Writes an outcome to the states of the trail beyond `length`, and truncates it. */
  #settle(length: number, outcome: number): void {
    const trail = this.#trail;
    const memo = this.#memo;
    const { items } = trail;
    while (trail.length > length) {
      trail.length -= TRAIL;
      const state = items[trail.length]!;
      const first = items[trail.length + 1]!;
      const last = items[trail.length + 2]!;
      if (last > first) this.#steps.left -= last - first;
      for (let position = first; position <= last; position++) memo.set(state, position, outcome);
    }
  }
}

/** Returns the position one character before; -1 at the start. */
function stepBack(text: string, position: number): number {
  if (position === 0) return -1;
  const isPair =
    position > 1 &&
    (text.charCodeAt(position - 1) & 0xfc00) === 0xdc00 &&
    (text.charCodeAt(position - 2) & 0xfc00) === 0xd800;
  return position - (isPair ? 2 : 1);
}

function isAt(text: string, position: number, { at, word }: Extract<Instruction, { op: "position" }>): boolean {
  const isNewline = (index: number): boolean => text.charCodeAt(index) === 10;
  const isEnd = position === text.length;
  switch (at) {
    case "textStart":
      return position === 0;
    case "textEnd":
      return isEnd;
    case "textEndOrNewline":
      return isEnd || (position === text.length - 1 && isNewline(position));
    case "lineStart":
      return position === 0 || isNewline(position - 1);
    case "lineStartBeforeEnd":
      return position === 0 || (isNewline(position - 1) && !isEnd);
    case "lineEnd":
      return isEnd || isNewline(position);
    case "wordBoundary":
    case "noWordBoundary":
    case "noWordBoundaryOfSome": {
      if (at === "noWordBoundaryOfSome" && text === "") return false;
      const before = stepBack(text, position);
      const isWord = (index: number): boolean => index >= 0 && !!word?.has(text.codePointAt(index) ?? -1);
      return (isWord(before) !== (!isEnd && isWord(position))) === (at === "wordBoundary");
    }
  }
}
