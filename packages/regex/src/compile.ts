import { ANY, CharSet } from "./char-set.js";
import { MAX_PROGRAM } from "./limits.js";
import { shown } from "./parser.js";
import type { Instruction, Program } from "./program.js";
import { RegexError } from "./regex-error.js";
import { isNullable, type Node } from "./syntax-tree.js";

/**
 * Compiles a syntax tree into instructions. Counted repetitions are unrolled.
 * @throws {RegexError} for more than {@link MAX_PROGRAM} of them.
 */
export function compile(node: Node, pattern: string): Program {
  const compiler = new Compiler(pattern);
  compiler.emit(node, 0, false);
  compiler.add({ op: "end" });
  return compiler.finish(firstOf(node));
}

type Repeat = Extract<Node, { kind: "repeat" }>;

class Compiler {
  readonly #pattern: string;
  readonly #instructions: Instruction[] = [];
  #cells = 0;
  #levels = 1;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  add(instruction: Instruction): number {
    if (this.#instructions.length >= MAX_PROGRAM)
      throw new RegexError({
        where: `regular expression ${shown(this.#pattern)}`,
        expected: `at most ${MAX_PROGRAM} steps after unrolling counted repetitions`,
        got: "more",
      });
    return this.#instructions.push(instruction) - 1;
  }

  finish(first: CharSet | undefined): Program {
    for (const [index, instruction] of this.#instructions.entries())
      if (instruction.op === "run") instruction.isLast = this.#leadsToEnd(index + 1);
    const looksBehind = this.#instructions.some(({ op }) => op === "setBehind");
    return { instructions: this.#instructions, cells: this.#cells, levels: this.#levels, first, looksBehind };
  }

  /** @param behind whether the text is read from right to left, as in a lookbehind. */
  emit(node: Node, level: number, behind: boolean): void {
    switch (node.kind) {
      case "set":
        this.add({ op: behind ? "setBehind" : "set", set: node.set, level });
        return;
      case "sequence":
        for (const part of behind ? node.nodes.toReversed() : node.nodes) this.emit(part, level, behind);
        return;
      case "choice":
        this.#choice(node.nodes, level, behind);
        return;
      case "repeat":
        this.#repeat(node, level, behind);
        return;
      case "atomic":
        this.#atomic(node.node, level, behind);
        return;
      case "look": {
        const look = { op: "look" as const, negative: node.negative, to: 0 };
        this.add(look);
        this.emit(node.node, 0, node.behind);
        this.add({ op: "accept" });
        look.to = this.#next;
        return;
      }
      case "position":
        this.add({ op: "position", at: node.at, word: node.word });
        return;
    }
  }

  get #next(): number {
    return this.#instructions.length;
  }

  #cell(): number {
    return this.#cells++;
  }

  #choice(nodes: readonly Node[], level: number, behind: boolean): void {
    const jumps: { to: number }[] = [];
    for (const [i, node] of nodes.entries()) {
      if (i === nodes.length - 1) {
        this.emit(node, level, behind);
        break;
      }
      const split = { op: "split" as const, first: this.#next + 1, second: 0, cell: this.#cell() };
      this.add(split);
      this.emit(node, level, behind);
      const jump = { op: "jump" as const, to: 0 };
      this.add(jump);
      jumps.push(jump);
      split.second = this.#next;
    }
    for (const jump of jumps) jump.to = this.#next;
    this.add({ op: "join", cell: this.#cell() });
  }

  #repeat(node: Repeat, level: number, behind: boolean): void {
    if (node.mode === "possessive") {
      this.#atomic({ ...node, mode: "greedy" }, level, behind);
      return;
    }
    if (node.max === Number.POSITIVE_INFINITY) {
      this.#copies(node.node, Math.max(0, node.min - 1), level, behind);
      this.#unbounded(node, level, behind);
      return;
    }
    this.#copies(node.node, node.min, level, behind);
    const splits: { first: number; second: number }[] = [];
    for (let i = node.min; i < node.max; i++) {
      const split = { op: "split" as const, first: this.#next + 1, second: 0, cell: this.#cell() };
      this.add(split);
      splits.push(split);
      this.emit(node.node, level, behind);
    }
    for (const split of splits) {
      split.second = this.#next;
      if (node.mode === "lazy") [split.first, split.second] = [split.second, split.first];
    }
    if (splits.length > 0) this.add({ op: "join", cell: this.#cell() });
  }

  #copies(node: Node, count: number, level: number, behind: boolean): void {
    const start = this.#next;
    for (let i = 0; i < count; i++) {
      this.emit(node, level, behind);
      // The empty pattern, however often repeated, is no instruction.
      if (this.#next === start) return;
    }
  }

  /** Emits a repetition without an upper limit: `min` copies of the body, the last of which loops. */
  #unbounded(node: Repeat, level: number, behind: boolean): void {
    const { node: body, min, mode } = node;
    if (body.kind === "set" && mode === "greedy" && !behind) {
      if (min > 0) this.emit(body, level, behind);
      this.add({ op: "run", set: body.set, level, cell: this.#cell(), isLast: false });
      return;
    }
    const isLazy = mode === "lazy";
    const skip = { op: "split" as const, first: 0, second: 0, cell: 0 };
    if (min === 0) {
      skip.cell = this.#cell();
      this.add(skip);
    }
    const inside = isNullable(body) ? level + 1 : level;
    this.#levels = Math.max(this.#levels, inside + 1);
    const start = this.#next;
    if (inside > level) this.add({ op: "enter", level: inside });
    const bodyStart = this.#next;
    this.emit(body, inside, behind);
    if (inside > level) this.add({ op: "again", level: inside, to: bodyStart, isLazy, cell: this.#cell() });
    else {
      const [first, second] = isLazy ? [this.#next + 1, bodyStart] : [bodyStart, this.#next + 1];
      this.add({ op: "split", first, second, cell: this.#cell() });
    }
    if (min === 0) [skip.first, skip.second] = isLazy ? [this.#next, start] : [start, this.#next];
  }

  #atomic(node: Node, level: number, behind: boolean): void {
    if (behind)
      throw new RegexError({
        where: `regular expression ${shown(this.#pattern)}`,
        expected: "a lookbehind without atomic groups and possessive quantifiers",
        got: "one with them",
      });
    const atomic = { op: "atomic" as const, level, to: 0 };
    this.add(atomic);
    this.emit(node, 0, behind);
    this.add({ op: "accept" });
    atomic.to = this.#next;
  }

  #leadsToEnd(start: number): boolean {
    for (let index = start; ; ) {
      const instruction = this.#instructions[index]!;
      if (instruction.op === "end") return true;
      if (instruction.op === "jump") index = instruction.to;
      else if (instruction.op === "join") index++;
      else return false;
    }
  }
}

/** Returns the characters that a match can begin with; undefined if it can be empty. */
function firstOf(node: Node): CharSet | undefined {
  switch (node.kind) {
    case "set":
      return node.set;
    case "sequence": {
      const found: CharSet[] = [];
      for (const part of node.nodes) {
        const first = firstOf(part);
        if (first !== undefined) found.push(first);
        else if (part.kind !== "look" && part.kind !== "position") {
          const start = startOf(part);
          if (start !== undefined) found.push(start);
        }
        if (!isNullable(part)) return found.length > 0 ? union(found) : undefined;
      }
      return undefined;
    }
    case "choice": {
      const all = node.nodes.map(firstOf);
      return all.every((first) => first !== undefined) ? union(all) : undefined;
    }
    case "repeat":
      return node.min > 0 ? firstOf(node.node) : undefined;
    case "atomic":
      return firstOf(node.node);
    case "look":
    case "position":
      return undefined;
  }
}

/** Returns the characters that a non-empty match of a nullable node can begin with. */
function startOf(node: Node): CharSet | undefined {
  switch (node.kind) {
    case "set":
      return node.set;
    case "repeat":
    case "atomic":
      return startOf(node.node);
    case "choice": {
      const all = node.nodes.map(startOf).filter((start) => start !== undefined);
      return all.length > 0 ? union(all) : undefined;
    }
    case "sequence":
      return ANY;
    case "look":
    case "position":
      return undefined;
  }
}

function union(sets: readonly CharSet[]): CharSet {
  const distinct = [...new Set(sets)];
  return distinct.length > 64 ? ANY : CharSet.union(distinct);
}
