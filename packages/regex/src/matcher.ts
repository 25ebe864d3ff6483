/**
 * A backtracking matcher that remembers what it tried: no instruction is run twice at one position, so that time grows with
 * pattern times text. Outcomes are remembered inside of lookarounds and atomic groups too.
 *
 * J. C. Davis, F. Servant, D. Lee: Using Selective Memoization to Defeat Regular Expression Denial of Service (IEEE S&P 2021).
 * H. Fujinami, I. Hasuo: Efficient Matching with Memoization for Regexes with Look-around and Atomic Grouping (ESOP 2024).
 */

import { GrowingStack } from "./growing-stack.js";
import { FAILED, Memo } from "./memo.js";
import type { Instruction, Program } from "./program.js";
import { StepBudget } from "./step-budget.js";

/** No match. */
export const NONE = -1;

/** What a match has to reach beside the end of the pattern. */
export interface Goal {
  /** Where it has to end; -1 for anywhere. */
  readonly end: number;
  /** Where it must not end; -1 for nowhere. */
  readonly notEnd: number;
}

/** Integers of one remembered choice: instruction, position, level, length of the trail, and where a run began (-1 for no run). */
const CHOICE = 5;
/** Integers of one entry of the trail: state, and the first and last position at which it was reached. */
const TRAIL = 3;

/** Matches one text. What it remembers holds for one goal; another one needs {@link forget}. */
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
   * The end of the match that begins at a position; {@link NONE} where there is none.
   * @throws {RegexError} where that takes too many steps
   */
  match(start: number, goal: Goal): number {
    this.#goal = goal;
    this.#choices.length = 0;
    this.#trail.length = 0;
    return this.#run(0, start);
  }

  /** Forgets what is known of a position. */
  forget(position: number): void {
    this.#memo.forget(position);
  }

  /** Frees what is known of positions before one, which only a lookbehind could ask for. */
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
          // Behind its first character the run is in one state at each position, however it got there.
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

  /** Ends a part that matched: the states on its way lead to this end, and its choices are dropped. */
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

  /** The same for a run that gives back: it ends before what is known to fail. */
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

  /** The run at the end of the trail fails where it ended, and ends a character earlier. */
  #shorten(given: number, end: number): void {
    const { items, length } = this.#trail;
    this.#memo.set(items[length - TRAIL]!, given, FAILED);
    items[length - 1] = end;
  }

  /** Writes an outcome to the states of the trail behind a length, which it is cut to. */
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

/** The position one character before; -1 at the start. */
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
