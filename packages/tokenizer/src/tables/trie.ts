import { PairTable } from "./pair-table.js";

/** A trie of texts, by UTF-16 units, walked from the root. */
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

  /** Adds a text; the last value of equal texts is used. */
  add(text: string, value: number): void {
    let node = 0;
    for (let i = 0; i < text.length; i++) node = this.child(node, text.charCodeAt(i));
    this.setValue(node, value);
  }

  /** Returns a child node, created if it does not exist. */
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

  /** Returns a child node, or -1. The root is 0. */
  next(node: number, unit: number): number {
    return this.#children.get(node, unit);
  }

  /** Returns the value of a node, or -1. */
  valueAt(node: number): number {
    return this.#values[node] as number;
  }
}
