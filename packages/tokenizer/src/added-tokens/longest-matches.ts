import { Trie } from "../tables/trie.js";

/**
 * Finds texts of a list in another text: leftmost first, and the longest of those that begin at one position.
 *
 * Time is linear in the text, whatever the list: one pass of an automaton (Aho and Corasick 1975) from right to left
 * finds the longest match at each position.
 */
export class LongestMatches {
  /** The texts, reversed. */
  readonly #trie: Trie;
  readonly #lengths: number[] = [];
  /** Node of the longest proper suffix of a node that is in the tree too. */
  readonly #fallback: number[];
  /** Index of the longest text of the list that ends at a node, or -1. */
  readonly #longest: number[];
  /** Whether a unit ends any text: most do not. */
  readonly #ends = new Uint8Array(0x10000);

  /** @param texts non-empty texts; of equal ones the last is used */
  constructor(texts: readonly string[]) {
    this.#trie = new Trie(texts.reduce((sum, { length }) => sum + length, 0));
    const byDepth: { node: number; parent: number; unit: number; depth: number }[] = [];
    for (const [index, text] of texts.entries()) {
      this.#lengths.push(text.length);
      this.#ends[text.charCodeAt(text.length - 1)] = 1;
      let parent = 0;
      for (let depth = 1; depth <= text.length; depth++) {
        const unit = text.charCodeAt(text.length - depth);
        const before = this.#trie.size;
        const node = this.#trie.child(parent, unit);
        if (this.#trie.size > before) byDepth.push({ node, parent, unit, depth });
        parent = node;
      }
      this.#trie.setValue(parent, index);
    }
    byDepth.sort((a, b) => a.depth - b.depth);
    this.#fallback = new Array<number>(this.#trie.size).fill(0);
    this.#longest = Array.from({ length: this.#trie.size }, (_, node) => this.#trie.valueAt(node));
    for (const { node, parent, unit, depth } of byDepth) {
      const fallback = depth === 1 ? 0 : this.#step(this.#fallback[parent] as number, unit);
      this.#fallback[node] = fallback;
      if (this.#longest[node] === -1) this.#longest[node] = this.#longest[fallback] as number;
    }
  }

  /** Calls back with the index and the start of each match. */
  find(text: string, found: (index: number, start: number) => void): void {
    const longest = this.#longestFrom(text);
    if (longest === undefined) return;
    for (let at = 0; at < text.length; ) {
      const index = longest[at] as number;
      if (index === -1) at++;
      else {
        found(index, at);
        at += this.#lengths[index] as number;
      }
    }
  }

  /** Returns the index of the longest text that begins at each position, or -1; undefined if there is no match. */
  #longestFrom(text: string): Int32Array | undefined {
    let longest: Int32Array | undefined;
    let node = 0;
    for (let at = text.length - 1; at >= 0; at--) {
      const unit = text.charCodeAt(at);
      if (node === 0 && this.#ends[unit] === 0) continue;
      node = this.#step(node, unit);
      const index = this.#longest[node] as number;
      if (index === -1) continue;
      longest ??= new Int32Array(text.length).fill(-1);
      longest[at] = index;
    }
    return longest;
  }

  #step(from: number, unit: number): number {
    for (let node = from; ; node = this.#fallback[node] as number) {
      const next = this.#trie.next(node, unit);
      if (next !== -1) return next;
      if (node === 0) return 0;
    }
  }
}
