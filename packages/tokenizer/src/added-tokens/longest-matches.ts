import { Trie } from "../tables/trie.js";

/**
 * Finds texts of a list in another text: the leftmost first, and of those that begin at one place the longest.
 *
 * Time is linear in the text, whatever is in the list: one pass of an automaton (Aho and Corasick 1975) from right to left
 * gives the longest match that begins at each place.
 */
export class LongestMatches {
  /** The texts, reversed. */
  readonly #trie: Trie;
  readonly #lengths: number[] = [];
  /** The node of the longest proper ending of a node that is in the tree too. */
  readonly #fallback: number[];
  /** The longest text of the list that ends at a node, by its index, or -1. */
  readonly #longest: number[];
  /** Whether a unit ends any text: most of them end none. */
  readonly #ends = new Uint8Array(0x10000);

  /** @param texts none of them empty; of equal ones the last counts */
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

  /** Calls back with the index of each text and where it begins. */
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

  /** For each place, the index of the longest text that begins there, or -1; undefined where there is none at all. */
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
