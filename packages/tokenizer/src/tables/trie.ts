import { PairTable } from "./pair-table.js";

/** A tree of texts, by UTF-16 units, that is walked from the root. */
export class Trie {
  readonly #children: PairTable;
  /** The value at each node, or -1. */
  readonly #values: number[] = [-1];

  constructor(expectedNodes = 16) {
    this.#children = new PairTable(expectedNodes);
  }

  /** Number of nodes. */
  get size(): number {
    return this.#values.length;
  }

  /** Adds a text; the last value counts. */
  add(text: string, value: number): void {
    let node = 0;
    for (let i = 0; i < text.length; i++) node = this.child(node, text.charCodeAt(i));
    this.setValue(node, value);
  }

  /** The node behind another, made where there is none. */
  child(node: number, unit: number): number {
    let child = this.#children.get(node, unit);
    if (child === -1) {
      child = this.#values.push(-1) - 1;
      this.#children.set(node, unit, child);
    }
    return child;
  }

  setValue(node: number, value: number): void {
    this.#values[node] = value;
  }

  /** The node behind another, or -1. The root is 0. */
  next(node: number, unit: number): number {
    return this.#children.get(node, unit);
  }

  /** The value of a node, or -1. */
  valueAt(node: number): number {
    return this.#values[node] as number;
  }
}
