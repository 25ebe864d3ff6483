/**
 * A hash table from two whole numbers to a third, without an object for each entry: vocabularies have half a million
 * merges.
 */
export class PairTable {
  /** Three numbers for each slot: both keys and the value. A first key of -1 marks a free slot. */
  #slots: Int32Array;
  #mask: number;
  #size = 0;

  constructor(expected = 16) {
    let capacity = 32;
    while (capacity < expected * 2) capacity *= 2;
    this.#slots = new Int32Array(capacity * 3).fill(-1);
    this.#mask = capacity - 1;
  }

  /** Returns the value of a pair, or -1. */
  get(a: number, b: number): number {
    const slots = this.#slots;
    for (let at = hash(a, b) & this.#mask; ; at = (at + 1) & this.#mask) {
      const slot = at * 3;
      if (slots[slot] === -1) return -1;
      if (slots[slot] === a && slots[slot + 1] === b) return slots[slot + 2] as number;
    }
  }

  /** Sets the value of a pair. All three are from 0 to 2^31 - 1. */
  set(a: number, b: number, value: number): void {
    if (this.#size * 2 > this.#mask) this.#grow();
    const slots = this.#slots;
    let at = hash(a, b) & this.#mask;
    while (slots[at * 3] !== -1 && !(slots[at * 3] === a && slots[at * 3 + 1] === b)) at = (at + 1) & this.#mask;
    if (slots[at * 3] === -1) this.#size++;
    slots[at * 3] = a;
    slots[at * 3 + 1] = b;
    slots[at * 3 + 2] = value;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2).fill(-1);
    this.#mask = this.#mask * 2 + 1;
    this.#size = 0;
    for (let slot = 0; slot < old.length; slot += 3) {
      if (old[slot] !== -1) this.set(old[slot] as number, old[slot + 1] as number, old[slot + 2] as number);
    }
  }
}

function hash(a: number, b: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
  return (h ^ (h >>> 13)) >>> 0;
}
